package tokenizer

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/rangetable"
)

// FuzzParse: whatever the file holds, there is a tokenizer that works or an error.
func FuzzParse(f *testing.F) {
	data, err := small(f).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-20])
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0},"merges":["a a"]}}`))
	f.Add([]byte(`{"added_tokens":[{"id":2147483647,"content":"x"}]}`))
	f.Add(bytes.Replace(data, []byte(`"normalizer": null`), []byte(`"normalizer": {"type": "NFC"}`), 1))
	f.Add(bytes.Replace(data, []byte(`"lstrip":false`), []byte(`"lstrip":true,"normalized":true`), 1))
	f.Add(bytes.Replace(data, []byte(`"ignore_merges": false`), []byte(`"ignore_merges": true`), 1))
	g := spm(f)
	for name := range g.Variants {
		f.Add(g.file(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Parse(data, "fuzz")
		if err != nil {
			return
		}
		text := "the cat " + string(data[:min(len(data), 200)])
		ids, spans := tok.EncodeSpans(text)
		if !slices.Equal(ids, tok.Encode(text)) || len(spans) != len(ids) {
			t.Fatalf("with spans %v, without %v", ids, tok.Encode(text))
		}
		shielded := tok.EncodeShielded(tok.Shield(text))
		for _, id := range shielded {
			if _, byMerges := tok.vocab[tok.spelled[id]]; tok.special[id] && !byMerges {
				t.Fatalf("a document has the special token %d", id)
			}
		}
		for _, ids := range [][]int32{ids, tok.EncodeSpecial(text), shielded} {
			for _, id := range ids {
				if id < 0 || int(id) >= tok.VocabSize() {
					t.Fatalf("id %d is outside the vocabulary of %d", id, tok.VocabSize())
				}
			}
			if !utf8.ValidString(tok.Decode(ids)) {
				t.Fatal("decoded text is not UTF-8")
			}
		}
		again, err := tok.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again, "again"); err != nil {
			t.Fatalf("what was written does not load: %v", err)
		}
	})
}

var assigned = rangetable.Assigned("15.0.0")

func unassigned(r rune) bool { return !unicode.Is(assigned, r) }

var composing = sync.OnceValues(func() (*Tokenizer, error) {
	trained, err := smallOnce()
	if err != nil {
		return nil, err
	}
	data, err := trained.MarshalJSON()
	if err != nil {
		return nil, err
	}
	composing := bytes.Replace(data, []byte(`"normalizer": null`), []byte(`"normalizer": {"type": "NFC"}`), 1)
	return Parse(composing, "composing")
})

// FuzzSentencePiece: ids lie in the vocabulary; a stream and spans agree with the whole; text comes
// back if nothing of it is unknown, and as a document never has a special token.
func FuzzSentencePiece(f *testing.F) {
	g := spm(f)
	variants := spmVariants(f, g)
	for _, text := range g.Texts {
		f.Add(text)
	}
	f.Add("\xff\xe4\xb8 \ufdd0<s>\ufdd0")
	f.Fuzz(func(t *testing.T, text string) {
		for name, tok := range variants {
			ids, spans := tok.EncodeSpans(text)
			if !slices.Equal(ids, tok.Encode(text)) {
				t.Fatalf("%s: with spans %v, without %v", name, ids, tok.Encode(text))
			}
			if name != "some bytes" {
				checkCover(t, text, spans)
			}
			checkStream(t, tok, ids)
			if got := tok.EncodeShielded(tok.Shield(text)); !slices.Equal(got, ids) &&
				!strings.Contains(name, "normal") {
				t.Fatalf("%s: shielded %v, as a document %v", name, got, ids)
			}
			whole := utf8.ValidString(text) && !strings.Contains(text, metaspace) && !strings.Contains(text, "[")
			if got := tok.Decode(ids); name == "legacy" && whole && got != text {
				t.Fatalf("%s: %q, want %q", name, got, text)
			}
			symbols := tok.appendSymbols(nil, text)
			if len(symbols) == 0 || len(symbols) > smallPiece {
				continue
			}
			if small := tok.mergeSmall(symbols, 0); !slices.Equal(small, mergeLong(tok, text)) {
				t.Fatalf("%s: %v in one way, %v in the other", name, small, mergeLong(tok, text))
			}
		}
	})
}

// FuzzLists: whatever the lists hold, there is a tokenizer that works or an error.
func FuzzLists(f *testing.F) {
	f.Add("a b ab <0x41>", []byte{1, 1, 1, 6}, "a b", []byte{3, 2, 1, 0})
	f.Fuzz(func(t *testing.T, tokens string, types []byte, merge string, scores []byte) {
		l := Lists{Tokens: strings.Split(tokens, " "), Pre: "smollm", Merges: []string{merge}, Prefix: len(merge) > 0}
		for b := range 256 {
			l.Tokens = append(l.Tokens, string(byteRunes[b]), byteToken(byte(b)))
		}
		seen := map[string]bool{}
		for i, token := range l.Tokens {
			kind, score := NormalToken, float32(0)
			if i < len(types) {
				kind = TokenType(types[i] % 8)
			}
			if i < len(scores) {
				score = float32(scores[i])
			}
			if seen[token] {
				kind = UnusedToken
			}
			seen[token] = true
			l.Types, l.Scores = append(l.Types, kind), append(l.Scores, score)
		}
		for _, build := range []func(Lists) (*Tokenizer, error){NewByteLevel, NewSentencePiece} {
			tok, err := build(l)
			if err != nil {
				continue
			}
			ids := tok.Encode(tokens + merge)
			if got := tok.EncodeShielded(tok.Shield(tokens + merge)); !slices.Equal(got, ids) {
				t.Fatalf("shielded %v, as a document %v", got, ids)
			}
			data, err := tok.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(data, "written"); err != nil {
				t.Fatalf("what was written does not load: %v", err)
			}
		}
	})
}

// FuzzRoundTrip: decoding gives back the text, in normal form C if the tokenizer has it
// so; merging in either way gives the same ids; a stream gives the same text.
func FuzzRoundTrip(f *testing.F) {
	plain := small(f)
	nfc, err := composing()
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"", smallText, "e\u0301 <|end|>", "\r\n \t x", "don'ſ", "\u0300\u0300", "漢字🤗\u200d", "\x00\ufffd",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range []*Tokenizer{plain, nfc} {
			ids := tok.Encode(text)
			want := tok.normalize(text, true)
			var raw []byte
			for _, id := range ids {
				raw = append(raw, tok.TokenBytes(id)...)
			}
			if string(raw) != want {
				t.Fatalf("bytes %q, want %q", raw, want)
			}
			if got := tok.Decode(ids); utf8.ValidString(text) && got != want {
				t.Fatalf("%q, want %q", got, want)
			}
			// With a normalizer the text between added tokens is composed by itself.
			if got := tok.Decode(tok.EncodeSpecial(text)); tok == plain && utf8.ValidString(text) && got != want {
				t.Fatalf("with added tokens %q, want %q", got, want)
			}
			again, spans := tok.EncodeSpans(text)
			if !slices.Equal(ids, again) {
				t.Fatalf("with spans %v, without %v", again, ids)
			}
			checkSpans(t, tok, text, ids, spans)
			got := tok.Decode(tok.EncodeShielded(tok.Shield(text)))
			if utf8.ValidString(text) && !strings.Contains(text, shield) && got != want {
				t.Fatalf("shielded %q, want %q", got, want)
			}
			d := tok.NewDecoder(false)
			var streamed string
			for _, id := range ids {
				streamed += d.Next(id)
			}
			if streamed += d.Flush(); streamed != tok.Decode(ids) {
				t.Fatalf("streamed %q, want %q", streamed, tok.Decode(ids))
			}
			for _, p := range patterns {
				// Package regexp has the classes of another version of Unicode.
				if utf8.ValidString(text) && !strings.ContainsFunc(text, unassigned) &&
					!slices.Equal(pieces(p, text), oracle(p, text)) {
					t.Fatalf("%s cuts %q into %q", p, text, pieces(p, text))
				}
			}
		}
	})
}
