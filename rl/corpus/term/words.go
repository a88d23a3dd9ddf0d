// Package term counts the words of texts and compares texts by the words they share: hashes of
// words and TF-IDF vectors over them. The same texts give the same numbers, bit for bit, on every
// system.
package term

import (
	"unicode"
	"unicode/utf8"
)

// Words appends to hashes the 64-bit hash of every word of text in order: FNV-1a over its
// lower-cased characters, then mixed. A word is a run of letters, marks and numbers; in scripts
// without spaces between words, each character is a word.
func Words(hashes []uint64, text string) []uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h, open := uint64(offset), false
	flush := func() {
		if open {
			hashes = append(hashes, Mix(h))
			h, open = offset, false
		}
	}
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
				flush()
				continue
			}
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
			unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
			flush()
			hashes = append(hashes, Mix((h^uint64(r))*prime))
			continue
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r):
			r = unicode.ToLower(r)
		default:
			flush()
			continue
		}
		h, open = (h^uint64(r))*prime, true
	}
	flush()
	return hashes
}

// Mix returns the finaliser of splitmix64: every bit of h bears on every bit of the result.
func Mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
