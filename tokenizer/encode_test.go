package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// withAdded returns small with other added tokens, numbered from 298.
func withAdded(t *testing.T, edit func(object), tokens ...object) *Tokenizer {
	t.Helper()
	o := smallObject(t)
	var list []any
	for i, a := range tokens {
		a["id"] = 298 + i
		list = append(list, a)
	}
	o["added_tokens"] = list
	if edit != nil {
		edit(o)
	}
	tok, err := Parse(marshal(t, o), "edited")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// show writes ids as text, added tokens in brackets.
func show(t *Tokenizer, ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 298 {
			fmt.Fprintf(&b, "[%d]", id)
		} else {
			b.Write(t.TokenBytes(id))
		}
	}
	return b.String()
}

func TestEncodeSpecial(t *testing.T) {
	plain := withAdded(t, nil, object{"content": "<a>"}, object{"content": "<a><b>"}, object{"content": "<b>"})
	strip := withAdded(t, nil, object{"content": "<l>", "lstrip": true},
		object{"content": "<r>", "rstrip": true}, object{"content": "cat", "single_word": true})
	normal := withAdded(t, func(o object) { o["normalizer"] = object{"type": "NFC"} },
		object{"content": "<é>", "normalized": true}, object{"content": "e\u0301!"})
	for _, c := range []struct {
		tok        *Tokenizer
		text, want string
	}{
		{plain, "", ""},
		{plain, "x<a>y<b>", "x[298]y[300]"},
		{plain, "<a><b><a>", "[299][298]"},
		{plain, "<<a>>", "<[298]>"},
		{plain, "<a", "<a"},
		{strip, "x \n <l> y", "x[298] y"},
		{strip, "x <r> \n y", "x [299]y"},
		{strip, "<r> <l> ", "[299][298] "},
		{strip, "cat cats_ tomcat (cat) cat", "[300] cats_ tomcat ([300]) [300]"},
		{normal, "<e\u0301> e\u0301! é! e\u0301", "[298] [299] é! é"},
	} {
		if got := show(c.tok, c.tok.EncodeSpecial(c.text)); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// Text from outside cannot forge a control token.
func TestEncodeIsPlain(t *testing.T) {
	eachFamily(t, func(t *testing.T, name string, tok *Tokenizer) {
		for _, a := range tok.AddedTokens() {
			for _, id := range tok.Encode(a.Content) {
				if tok.special[id] {
					t.Errorf("%q encodes to %d", a.Content, id)
				}
			}
			if got := tok.EncodeSpecial(a.Content); !slices.Equal(got, []int32{a.ID}) {
				t.Errorf("EncodeSpecial of %q is %v", a.Content, got)
			}
			if id, ok := tok.Special(a.Content); !ok || id != a.ID {
				t.Errorf("Special of %q is %d", a.Content, id)
			}
		}
		if _, ok := tok.Special("the"); ok {
			t.Error(`"the" is no added token`)
		}
	})
}

func TestPrefixSpace(t *testing.T) {
	tok := withAdded(t, func(o object) {
		o["pre_tokenizer"] = object{"type": "ByteLevel", "add_prefix_space": true}
	}, object{"content": "<a>"}, object{"content": "<b>"})
	for text, want := range map[string]string{
		"": "", "cat": " cat", " cat": " cat", "\tcat": " \tcat", "<a>cat<b> sat": "[298] cat[299] sat",
	} {
		if got := show(tok, tok.EncodeSpecial(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// With ignore_merges a piece that is a token needs no merges to lead to it.
func TestIgnoreMerges(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		tok := withAdded(t, func(o object) {
			o["model"].(object)["ignore_merges"] = ignore
			o["model"].(object)["vocab"].(object)["zqx"] = 300
		}, object{"content": "<a>"}, object{"content": "<b>"})
		if got := tok.Encode("zqx"); (len(got) == 1) != ignore {
			t.Errorf("ignore_merges %t: %v", ignore, got)
		}
		if got := tok.Encode("zqxx"); len(got) != 4 {
			t.Errorf("ignore_merges %t: %v", ignore, got)
		}
	}
}

// An added token may stand in model.vocab too, even in letters that are not byte-level.
func TestAddedTokenInVocab(t *testing.T) {
	tok := withAdded(t, func(o object) {
		o["model"].(object)["vocab"].(object)["<|fim▁end|>"] = 298
		o["model"].(object)["vocab"].(object)["<b>"] = 299
	}, object{"content": "<|fim▁end|>"}, object{"content": "<b>"})
	if got := tok.EncodeSpecial("<|fim▁end|><b>"); !slices.Equal(got, []int32{298, 299}) || tok.VocabSize() != 300 {
		t.Errorf("ids %v of %d, want [298 299] of 300", got, tok.VocabSize())
	}
	if got := tok.Decode([]int32{298, 299}); got != "<|fim▁end|><b>" {
		t.Errorf("[298 299] decodes to %q, want <|fim▁end|><b>", got)
	}
}

// Runs of more marks than package norm composes; the expected text follows from the
// combining classes by hand.
func TestNormalizeLongRuns(t *testing.T) {
	tok := &Tokenizer{normalizers: []normalStep{{nfc: true}}}
	grave, below := "\u0300", "\u0323" // classes 230 and 220
	for _, c := range []struct{ text, want string }{
		{"abc", "abc"},
		{"e\u0301", "é"},
		{"e" + strings.Repeat(grave, 40), "è" + strings.Repeat(grave, 39)},
		{"e" + strings.Repeat(grave, 40) + below, "ẹ" + strings.Repeat(grave, 40)},
		{strings.Repeat(grave, 50) + "e\u0301", strings.Repeat(grave, 50) + "é"},
		{"한" + strings.Repeat(grave, 35) + "\u1112\u1161\u11ab", "한" + strings.Repeat(grave, 35) + "한"},
		{"\xff" + strings.Repeat(grave, 35) + "\xe1\x80e\u0301", "\xff" + strings.Repeat(grave, 35) + "\xe1\x80é"},
		{"\u034f" + strings.Repeat(below+grave, 20), "\u034f" + strings.Repeat(below, 20) + strings.Repeat(grave, 20)},
	} {
		if got := tok.normalize(c.text, true); got != c.want {
			t.Errorf("%+q:\n got %+q\nwant %+q", c.text, got, c.want)
		}
	}
}

// Where runs are short, the two compositions agree.
func TestComposeLongMatchesNorm(t *testing.T) {
	texts := append(goldenTexts(t),
		"각ᄀ\u1161\u11a8", "\u0958\u0915\u093c",
		"\u1100\u1161\u0300\u11a8", "q\u0307\u0323", "\u0344\u212b\u2126", "\U0001d15e")
	for _, text := range texts {
		if got, want := composeLong(text), norm.NFC.String(text); got != want {
			t.Errorf("%.40q:\n got %+.200q\nwant %+.200q", text, got, want)
		}
	}
	for r := rune(0); r <= 0x10ffff; r++ {
		if s := string(r); composeLong(s) != norm.NFC.String(s) {
			t.Errorf("%U: %+q, want %+q", r, composeLong(s), norm.NFC.String(s))
		}
	}
}
