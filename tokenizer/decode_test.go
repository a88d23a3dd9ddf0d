package tokenizer

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// byteIDs returns ids that stand for exactly these bytes, whatever they are.
func byteIDs(t *Tokenizer, raw string) []int32 {
	ids := make([]int32, len(raw))
	for i := range ids {
		ids[i] = t.byteIDs[raw[i]]
	}
	return ids
}

// The examples of The Unicode Standard 15, tables 3-8 to 3-11, and cut characters.
func TestDecodeBrokenUTF8(t *testing.T) {
	tok := small(t)
	for raw, want := range map[string]string{
		"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41": "��������A",
		"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41": "��������A",
		"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42": "�����A��B",
		"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41": "����A",
		"\xf0\x9f\x98":                         "�",
		"\xf0\x9f\x98\x80":                     "😀",
		"a\xf0\x9f\x98b":                       "a�b",
		"\xe6\xbc\xa2\xe6\xbc":                 "漢�",
		"\xef\xbf\xbd\xef\xbf":                 "��",
		"\x00\xf5\x80\xf8":                     "\x00���",
	} {
		if got := tok.Decode(byteIDs(tok, raw)); got != want {
			t.Errorf("%x: %q, want %q", raw, got, want)
		}
		d := tok.NewDecoder(false)
		var b strings.Builder
		for _, id := range byteIDs(tok, raw) {
			b.WriteString(d.Next(id))
		}
		b.WriteString(d.Flush())
		if got := b.String(); got != want {
			t.Errorf("%x in a stream: %q, want %q", raw, got, want)
		}
	}
}

// A stream gives the text of Decode, in valid pieces, and holds back no more than it must.
func TestDecoderStreams(t *testing.T) {
	tok := small(t)
	rng := rand.New(rand.NewPCG(7, 8))
	d := tok.NewDecoder(false)
	for range 500 {
		ids := make([]int32, rng.IntN(30))
		for i := range ids {
			ids[i] = rng.Int32N(int32(tok.VocabSize()))
		}
		var b strings.Builder
		for _, id := range ids {
			part := d.Next(id)
			if !utf8.ValidString(part) {
				t.Fatalf("%q is not UTF-8", part)
			}
			if len(d.held) >= utf8.UTFMax {
				t.Fatalf("%x is held back", d.held)
			}
			b.WriteString(part)
		}
		b.WriteString(d.Flush())
		if got, want := b.String(), tok.Decode(ids); got != want {
			t.Fatalf("%v: %q, want %q", ids, got, want)
		}
	}
}

func TestDecodeSpecial(t *testing.T) {
	tok := small(t)
	end, _ := tok.Special("<|end|>")
	ids := append(tok.Encode("cat"), end, -1, int32(tok.VocabSize()))
	if got := tok.Decode(ids); got != "cat<|end|>" {
		t.Errorf("Decode gives %q, want cat<|end|>", got)
	}
	if got := tok.DecodeSkipSpecial(ids); got != "cat" {
		t.Errorf("DecodeSkipSpecial gives %q, want cat", got)
	}
	if got := tok.NewDecoder(true).Next(end); got != "" {
		t.Errorf("a decoder that skips special tokens gives %q for one", got)
	}
}

func TestTokenBytes(t *testing.T) {
	tok := small(t)
	for id := range int32(tok.VocabSize()) {
		token := tok.TokenBytes(id)
		if back, ok := tok.TokenID(string(token)); !ok || back != id {
			t.Errorf("token %d %q has id %d", id, token, back)
		}
	}
	if tok.TokenBytes(-1) != nil || tok.TokenBytes(int32(tok.VocabSize())) != nil {
		t.Error("ids out of range have bytes")
	}
	space, ok := published(t, "gpt2").TokenID(" the")
	if !ok || space != 262 || !bytes.Equal(published(t, "gpt2").TokenBytes(262), []byte(" the")) {
		t.Errorf(`" the" of GPT-2 is %d`, space)
	}
}

// The alphabet as GPT-2's vocabulary has it: its first 256 ids are the bytes in the order
// of their characters.
func TestByteAlphabet(t *testing.T) {
	tok := published(t, "gpt2")
	id := int32(0)
	for r, b := range runeBytes {
		if b < 0 {
			continue
		}
		if byteRunes[b] != rune(r) || tok.byteIDs[b] != id {
			t.Errorf("byte %#x is %q, id %d", b, byteRunes[b], tok.byteIDs[b])
		}
		id++
	}
	if id != 256 || byteRunes[' '] != 'Ġ' || byteRunes['\n'] != 'Ċ' {
		t.Errorf("%d characters; space %q, newline %q", id, byteRunes[' '], byteRunes['\n'])
	}
}
