package tokenizer

import (
	"slices"
	"testing"
)

// looksSpecial is a tokenizer whose special tokens texts imitate: found before normalization and
// after it, one a part of another, and one that begins with white space.
func looksSpecial(t *testing.T) *Tokenizer {
	return withAdded(t, func(o object) { o["normalizer"] = object{"type": "NFC"} },
		object{"content": "<a>", "special": true}, object{"content": "<a><b>", "special": true},
		object{"content": "漢b", "special": true}, object{"content": "<nK>", "special": true, "normalized": true},
		object{"content": "ǵ", "special": true, "normalized": true}, object{"content": "\n<e>", "special": true},
		object{"content": "word"})
}

func TestShield(t *testing.T) {
	tok := looksSpecial(t)
	for text, want := range map[string]string{
		"": "", "x": "x", "<a>": "<a>", "<a><b>": "<a><b>", "x<<a>>漢b": "x<<a>>漢b", "<nK><a": "<nK><a",
		"<n\u212a>": "<nK>", "g\u0301": "ǵ", "ǵ": "ǵ", "xg\u0301\u0301": "xǵ\u0301", "ǵ<nK>g\u0301": "ǵ<nK>ǵ",
		"\n<e>": "\n<e>", "\n\n<e>": "\n\n<e>",
		"word": "[304]", "aword<a>": "a[304]<a>", "<word>": "<[304]>",
		shield: shield, shield + shield + "<a>" + shield: shield + shield + "<a>" + shield,
		"<a>" + shield + "<nK>": "<a>" + shield + "<nK>", "ǵ" + shield: "ǵ" + shield,
	} {
		want := "[298]" + want + "[301]"
		got := show(tok, tok.EncodeShielded("<a>"+tok.Shield(text)+"<nK>"))
		plain := show(tok, slices.Concat([]int32{298}, tok.Encode(text), []int32{301}))
		if got != want || plain != want {
			t.Errorf("%q encodes to %q, as a document to %q, want %q", text, got, plain, want)
		}
	}
	if got := show(tok, tok.EncodeSpecial(shield+"<a>")); got != shield+"[298]" {
		t.Errorf("EncodeSpecial changes text: %q", got)
	}
}
