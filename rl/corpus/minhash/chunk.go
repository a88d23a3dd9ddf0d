package minhash

import (
	"iter"
	"unicode"
	"unicode/utf8"
)

// chunkBytes is about how much text is worked on between two looks at the context.
const chunkBytes = 1 << 16

// chunks returns text in chunks of about chunkBytes that end with blank space if there is any, so
// that words stay whole.
func chunks(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > chunkBytes {
			at := chunkBytes
			for at > chunkBytes/2 && !blankEnd(text[:at]) {
				at--
			}
			if at == chunkBytes/2 {
				for at = chunkBytes; !utf8.RuneStart(text[at]); at-- {
				}
			}
			if !yield(text[:at]) {
				return
			}
			text = text[at:]
		}
		if text != "" {
			yield(text)
		}
	}
}

// blankEnd reports whether text ends with a whole character of blank space.
func blankEnd(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return unicode.IsSpace(r)
}
