package tokenizer

import (
	"strings"
	"testing"

	"spell/tensor/fixture"
)

// again returns a tokenizer made from the lists of another, which go around once more.
func again(t *testing.T, tok *Tokenizer, n int) *Tokenizer {
	t.Helper()
	l, err := tok.Lists(n)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Tokens) != n || len(l.Types) != n {
		t.Errorf("%d tokens and %d types, not %d", len(l.Tokens), len(l.Types), n)
	}
	build := NewSentencePiece
	if tok.IsByteLevel() {
		build = NewByteLevel
	}
	made, err := build(l)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestListed takes tokenizers apart into lists and compares the ids that texts get from these.
func TestListed(t *testing.T) {
	for _, family := range []string{"gpt2", "llama3_1", "qwen3"} {
		t.Run(family, func(t *testing.T) {
			want := published(t, family)
			for range 2 {
				tok := again(t, want, want.VocabSize()+3)
				sameIDs(t, tok, want, goldenTexts(t))
				want = tok
			}
		})
	}
	t.Run("SentencePiece", func(t *testing.T) {
		g := spm(t)
		want, err := NewSentencePiece(spmLists(t))
		if err != nil {
			t.Fatal(err)
		}
		tok := again(t, want, want.VocabSize())
		sameIDs(t, tok, want, g.Texts)
		sameIDs(t, again(t, tok, tok.VocabSize()+1), want, g.Texts)
	})
}

// TestNotListed wants the thing named that lists cannot say.
func TestNotListed(t *testing.T) {
	g := spm(t)
	chars, err := NewSentencePiece(spmLists(t))
	if err != nil {
		t.Fatal(err)
	}
	fewer, err := Parse(g.file(t, "legacy"), "legacy")
	if err != nil {
		t.Fatal(err)
	}
	small, err := Parse(fixture.Read(t, "tokenizers/gpt2/tokenizer.json"), "gpt2")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		of         *Tokenizer
		n          int
		edit       func(*Tokenizer)
	}{
		{"too few tokens", "more than", small, 5, func(*Tokenizer) {}},
		{"a space in front", "a space in front true", small, 1 << 16, func(t *Tokenizer) { t.prefix = always }},
		{"another normalizer", "has no name in GGUF", small, 1 << 16, func(t *Tokenizer) {
			t.normalizers = []normalStep{{old: "a", new: "b"}}
		}},
		{"ignore_merges", "ignore_merges true", small, 1 << 16, func(t *Tokenizer) { t.ignoreMerges = true }},
		{"merges left out", "132 merges", fewer, 1 << 10, func(*Tokenizer) {}},
		{"no bytes", "no bytes to fall back on", chars, 1 << 16, func(t *Tokenizer) { t.chars.fallback = false }},
		{"merges in another order", "another place", chars, 1 << 16, func(t *Tokenizer) {
			last := -1 // the merges of a token are apart from each other
			ids := map[int32]int{}
			for i, s := range t.merges.slots {
				if s.left < 0 {
					continue
				}
				if j, ok := ids[s.merge.id]; ok && last < 0 {
					t.merges.slots[i].merge.rank, t.merges.slots[j].merge.rank, last = 0, 1<<20, i
				}
				ids[s.merge.id] = i
			}
		}},
	} {
		edited := c.of.with(c.of.vocab, c.of.spelled, c.of.added)
		edited.merges.slots = append([]pairSlot(nil), edited.merges.slots...)
		c.edit(edited)
		if _, err := edited.Lists(c.n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}
