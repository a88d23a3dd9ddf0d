package tokenizer

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
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
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Parse(data, "fuzz")
		if err != nil {
			return
		}
		text := "the cat " + string(data[:min(len(data), 200)])
		for _, ids := range [][]int32{tok.Encode(text), tok.EncodeSpecial(text)} {
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
			want := tok.normalize(text)
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
				if utf8.ValidString(text) && !slices.Equal(pieces(p, text), oracle(p, text)) {
					t.Fatalf("%s cuts %q into %q", p, text, pieces(p, text))
				}
			}
		}
	})
}
