package tokenizer

import "unicode/utf8"

// Decode returns the text of ids, added tokens included. Bytes that are not UTF-8 become
// U+FFFD, one for each maximal part of a broken sequence (Unicode 15, section 3.9, as
// Hugging Face tokenizers do). Ids outside the vocabulary stand for nothing.
func (t *Tokenizer) Decode(ids []int32) string { return t.decode(ids, false) }

// DecodeSkipSpecial is Decode without the added tokens marked special.
func (t *Tokenizer) DecodeSkipSpecial(ids []int32) string { return t.decode(ids, true) }

func (t *Tokenizer) decode(ids []int32, skipSpecial bool) string {
	var raw []byte
	for _, id := range ids {
		raw = append(raw, t.text(id, skipSpecial)...)
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	valid, _ := appendValid(make([]byte, 0, len(raw)+len(raw)/4), raw, true)
	return string(valid)
}

// text returns what id contributes to decoded text.
func (t *Tokenizer) text(id int32, skipSpecial bool) string {
	if id < 0 || int(id) >= len(t.tokens) || skipSpecial && t.special[id] {
		return ""
	}
	return t.tokens[id]
}

// Decoder decodes a stream of ids. The strings it returns, joined, are what Decode makes
// of all the ids; each is valid UTF-8 because the bytes of a character whose end has not
// come yet are held back. The zero value is not usable: see NewDecoder.
type Decoder struct {
	t           *Tokenizer
	skipSpecial bool
	held        []byte
}

// NewDecoder returns a decoder; skipSpecial leaves out the added tokens marked special.
func (t *Tokenizer) NewDecoder(skipSpecial bool) *Decoder {
	return &Decoder{t: t, skipSpecial: skipSpecial}
}

// Next takes one id and returns the text it completes, often all its own, sometimes "".
func (d *Decoder) Next(id int32) string {
	d.held = append(d.held, d.t.text(id, d.skipSpecial)...)
	return d.take(false)
}

// Flush returns what is held back, with U+FFFD for the unfinished character, and leaves
// the decoder ready for another stream.
func (d *Decoder) Flush() string { return d.take(true) }

func (d *Decoder) take(final bool) string {
	valid, rest := appendValid(nil, d.held, final)
	d.held = append(d.held[:0], rest...)
	return string(valid)
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
