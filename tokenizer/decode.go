package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode returns the text of ids, added tokens included. Bytes that are not UTF-8 become
// U+FFFD, one for each maximal part of a broken sequence (Unicode, section 3.9), or one per
// byte of a run of tokens that stand for bytes, as Hugging Face tokenizers do. Ids outside the
// vocabulary stand for nothing.
func (t *Tokenizer) Decode(ids []int32) string { return t.decode(ids, false) }

// DecodeSkipSpecial is Decode without the added tokens marked special.
func (t *Tokenizer) DecodeSkipSpecial(ids []int32) string { return t.decode(ids, true) }

func (t *Tokenizer) decode(ids []int32, skipSpecial bool) string {
	d := t.NewDecoder(skipSpecial)
	var text []byte
	for _, id := range ids {
		text = d.hold(text, id)
	}
	return string(d.take(text, true))
}

// Decoder decodes a stream of ids. The strings it returns, joined, are what Decode makes
// of all the ids; each is valid UTF-8 because the bytes of a character whose end has not
// come yet are held back. The zero value is not usable: see NewDecoder.
type Decoder struct {
	t           *Tokenizer
	skipSpecial bool
	held        []byte
	begun       bool // a token was decoded
	stripped    int  // characters taken off the start of the text, all of them if it has begun
}

// NewDecoder returns a decoder; skipSpecial leaves out the added tokens marked special.
func (t *Tokenizer) NewDecoder(skipSpecial bool) *Decoder {
	return &Decoder{t: t, skipSpecial: skipSpecial}
}

// Next takes one id and returns the text it completes, often all its own, sometimes "".
func (d *Decoder) Next(id int32) string {
	return string(d.take(d.hold(nil, id), false))
}

// Flush returns what is held back, with U+FFFD for the unfinished character, and leaves
// the decoder ready for another stream.
func (d *Decoder) Flush() string {
	text := string(d.take(nil, true))
	*d = Decoder{t: d.t, skipSpecial: d.skipSpecial, held: d.held[:0]}
	return text
}

// hold takes one id. It appends to dst what need not be held, and returns it.
func (d *Decoder) hold(dst []byte, id int32) []byte {
	t := d.t
	if id < 0 || int(id) >= len(t.tokens) || d.skipSpecial && t.special[id] {
		return dst
	}
	if t.chars == nil {
		d.held = append(d.held, t.tokens[id]...)
		return dst
	}
	first := !d.begun
	d.begun = true
	if b, ok := t.chars.bytes[id]; ok && t.decoding.bytes {
		d.held = append(d.held, b)
		return dst
	}
	dst = d.take(dst, true)
	text := t.tokens[id]
	if first && t.decoding.firstBare {
		text = strings.ReplaceAll(t.spelled[id], metaspace, "")
	}
	return d.append(dst, text)
}

// take appends to dst what is held and complete, or all of it if final.
func (d *Decoder) take(dst []byte, final bool) []byte {
	if d.t.chars == nil {
		valid, rest := appendValid(dst, d.held, final)
		d.held = append(d.held[:0], rest...)
		return valid
	}
	if !final || len(d.held) == 0 {
		return dst
	}
	text := string(d.held)
	if !utf8.Valid(d.held) {
		text = strings.Repeat("\ufffd", len(d.held))
	}
	d.held = d.held[:0]
	return d.append(dst, text)
}

// append appends text to dst without what the decoder strips off the start of the whole.
func (d *Decoder) append(dst []byte, text string) []byte {
	s := &d.t.decoding
	for d.stripped < s.strip && text != "" {
		rest, ok := strings.CutPrefix(text, s.stripped)
		if !ok {
			d.stripped = s.strip
			break
		}
		text = rest
		d.stripped++
	}
	return append(dst, text...)
}

// decoding is what the decoder of a file does to tokens over characters.
type decoding struct {
	replace   [][2]string // in tokens, in order: old and new
	bytes     bool        // tokens of bytes become the bytes
	firstBare bool        // the first token loses its metaspaces
	strip     int         // so many of stripped are taken off the start of the text
	stripped  string
}

// text returns what a token becomes by itself.
func (c *decoding) text(token string) string {
	for _, r := range c.replace {
		token = strings.ReplaceAll(token, r[0], r[1])
	}
	return token
}

// appendValid appends src to dst with U+FFFD for what is not UTF-8. Unless final, an
// unfinished character at the end is returned as rest instead.
func appendValid(dst, src []byte, final bool) (valid, rest []byte) {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r != utf8.RuneError || n > 1 {
			dst = append(dst, src[:n]...)
			src = src[n:]
			continue
		}
		n, unfinished := brokenPrefix(src)
		if unfinished && !final {
			return dst, src
		}
		dst = utf8.AppendRune(dst, utf8.RuneError)
		src = src[n:]
	}
	return dst, nil
}

// brokenPrefix measures the maximal part of a sequence that src, which does not begin with
// a character, begins with: at least 1 byte. It is unfinished when src ends before it does.
func brokenPrefix(src []byte) (n int, unfinished bool) {
	need, low, high := 0, byte(0x80), byte(0xbf) // continuation bytes, bounds of the first
	switch lead := src[0]; {
	case 0xc2 <= lead && lead <= 0xdf:
		need = 1
	case 0xe0 <= lead && lead <= 0xef:
		need = 2
		if lead == 0xe0 {
			low = 0xa0 // below: overlong
		} else if lead == 0xed {
			high = 0x9f // above: surrogates
		}
	case 0xf0 <= lead && lead <= 0xf4:
		need = 3
		if lead == 0xf0 {
			low = 0x90 // below: overlong
		} else if lead == 0xf4 {
			high = 0x8f // above: beyond U+10FFFF
		}
	}
	for n = 1; n <= need; n++ {
		if n == len(src) {
			return n, true
		}
		if src[n] < low || high < src[n] {
			break
		}
		low, high = 0x80, 0xbf
	}
	return n, false
}
