package tokenizer

import (
	"slices"
	"testing"
)

// TestWithin: added tokens beyond a model's vocabulary are left out, whether model.vocab lists them or
// not, and nothing else is.
func TestWithin(t *testing.T) {
	o := smallObject(t)
	tok, err := Parse(marshal(t, o), "small")
	if err != nil {
		t.Fatal(err)
	}
	n := tok.VocabSize()
	more, err := tok.Extend([]AddedToken{{ID: int32(n), Content: "<pad>", Special: true},
		{ID: int32(n + 5), Content: "<tool>"}})
	if err != nil {
		t.Fatal(err)
	}
	again, cut, err := more.Within(n)
	if err != nil || again.VocabSize() != n || len(cut) != 2 || cut[0].Content != "<pad>" {
		t.Fatalf("%d tokens, %v left out, %v", again.VocabSize(), cut, err)
	}
	for _, text := range []string{"hello <pad>", "<tool>"} {
		if got, want := again.EncodeSpecial(text), tok.EncodeSpecial(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if same, cut, err := more.Within(n + 6); same != more || cut != nil || err != nil {
		t.Errorf("of a larger model: %v, %v", cut, err)
	}
	if _, _, err := tok.Within(100); err == nil {
		t.Error("a model with fewer bytes than there are was taken")
	}
	ended, err := Parse(marshal(t, o), "small")
	if err != nil {
		t.Fatal(err)
	}
	ended.begin = []int32{int32(n - 1)}
	if _, _, err := ended.Within(n - 1); err == nil {
		t.Error("a model without the token that begins texts was taken")
	}
}
