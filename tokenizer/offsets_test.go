package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// checkSpans: in order, covering the text, equal to the tokens where nothing was normalized,
// and where something was, normalizing what neighbours share gives their tokens.
func checkSpans(t *testing.T, tok *Tokenizer, text string, ids []int32, spans []Span) {
	t.Helper()
	last := Span{}
	var normal, run strings.Builder
	for i, s := range spans {
		if s.Start < last.Start || s.End < last.End || s.Start > last.End || s.Start > s.End || s.End > len(text) {
			t.Fatalf("%q: span %d is %v after %v", text, i, s, last)
		}
		if s.Start == last.End { // nothing is shared over this place
			normal.WriteString(run.String())
			run.Reset()
			if got, want := normal.String(), tok.normalize(text[:s.Start], true); got != want {
				t.Fatalf("%q: tokens before %d are %q, the text there is %q", text, i, got, want)
			}
		}
		run.WriteString(tok.tokens[ids[i]])
		last = s
	}
	if last.End != len(text) {
		t.Fatalf("%q: spans end at %d of %d", text, last.End, len(text))
	}
}

func TestSpans(t *testing.T) {
	nfc, err := composing()
	if err != nil {
		t.Fatal(err)
	}
	prefixed := withAdded(t, func(o object) {
		o["pre_tokenizer"] = object{"type": "ByteLevel", "add_prefix_space": true}
	})
	for _, c := range []struct {
		tok  *Tokenizer
		text string
		want []Span
	}{
		{nfc, "", nil},
		{nfc, "\u00fc", []Span{{0, 1}, {1, 2}}},
		{nfc, "u\u0308", []Span{{0, 3}, {0, 3}}},
		{nfc, "-u\u0308-", []Span{{0, 1}, {1, 4}, {1, 4}, {4, 5}}},
		{nfc, "-\u212b-\u1100\u1161-", []Span{{0, 1}, {1, 4}, {1, 4}, {4, 5}, {5, 11}, {5, 11}, {5, 11}, {11, 12}}},
		{prefixed, "-", []Span{{0, 0}, {0, 1}}},
	} {
		ids, spans := c.tok.EncodeSpans(c.text)
		if !slices.Equal(ids, c.tok.Encode(c.text)) || !slices.Equal(spans, c.want) {
			t.Errorf("%q: %v, want %v", c.text, spans, c.want)
		}
	}
	long := "x" + strings.Repeat("\u0301\u0327", 40) + "e\u0301"
	ids, spans := nfc.EncodeSpans(long)
	checkSpans(t, nfc, long, ids, spans)
}
