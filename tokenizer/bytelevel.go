package tokenizer

import "unicode/utf8"

// The byte-level alphabet of GPT-2 spells every byte as one printable character, so that a
// vocabulary of byte strings fits into JSON: printable Latin-1 bytes stand for themselves,
// the 68 others take the code points from U+0100 up, in order. A space becomes "Ġ".
var byteRunes, runeBytes = byteAlphabet()

const alphabetEnd = 0x100 + 68 // first code point beyond the alphabet

// byteAlphabet returns byte → character and character → byte (-1 outside the alphabet).
func byteAlphabet() (runes [256]rune, back [alphabetEnd]int16) {
	for r := range back {
		back[r] = -1
	}
	spare := rune(0x100)
	for b := range runes {
		r := rune(b)
		if b <= ' ' || 0x7f <= b && b <= 0xa0 || b == 0xad {
			r, spare = spare, spare+1
		}
		runes[b] = r
		back[r] = int16(b)
	}
	return runes, back
}

// appendSpelled appends the byte-level spelling of token.
func appendSpelled(dst []byte, token string) []byte {
	for i := range len(token) {
		dst = utf8.AppendRune(dst, byteRunes[token[i]])
	}
	return dst
}

// appendUnspelled appends the bytes that a byte-level spelling stands for; false when
// spelled has a character outside the alphabet.
func appendUnspelled(dst, spelled []byte) ([]byte, bool) {
	for i := 0; i < len(spelled); {
		r, width := rune(spelled[i]), 1
		if r >= utf8.RuneSelf {
			// An invalid byte decodes as U+FFFD, which lies outside the alphabet.
			r, width = utf8.DecodeRune(spelled[i:])
		}
		if r >= alphabetEnd || runeBytes[r] < 0 {
			return dst, false
		}
		dst = append(dst, byte(runeBytes[r]))
		i += width
	}
	return dst, true
}
