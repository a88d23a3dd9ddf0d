// Package jsonfile takes JSON as other programs write it: Python's json writes numbers that are not
// finite as words, editors and shells of Windows begin a file with a byte order mark or write it in
// UTF-16. Every file of JSON that people or their tools make is read through it.
package jsonfile

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// What Standard writes for Python's words: numbers beyond every type, so that a field that counts
// refuses them and a field that nobody reads may hold them.
const (
	infinity    = "1e9999"
	negInfinity = "-1e9999"
	notANumber  = "1e99999"
)

// Standard returns the text as JSON in UTF-8 without a byte order mark. NaN, Infinity and -Infinity
// outside strings become numbers too large for any type; the text itself is not changed. What is
// not JSON for other reasons stays as it is.
func Standard(text []byte) []byte {
	text = decode(text)
	if !bytes.Contains(text, []byte("Infinity")) && !bytes.Contains(text, []byte("NaN")) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		n, number := word(text[i:])
		if text[i] == '"' {
			n = quoted(text[i:])
		}
		if number != "" {
			out = append(out, number...)
		} else {
			out = append(out, text[i:i+n]...)
		}
		i += n
	}
	return out
}

// Number returns how Python spells a number that Standard wrote, and other numbers as they are.
func Number(literal string) string {
	switch literal {
	case infinity:
		return "Infinity"
	case negInfinity:
		return "-Infinity"
	case notANumber:
		return "NaN"
	}
	return literal
}

// word returns the length of one of Python's words at the beginning of text, and the number in its
// place; 1 and no number if there is none.
func word(text []byte) (n int, number string) {
	for _, w := range []struct{ word, number string }{
		{"Infinity", infinity}, {"-Infinity", negInfinity}, {"NaN", notANumber},
	} {
		if bytes.HasPrefix(text, []byte(w.word)) {
			return len(w.word), w.number
		}
	}
	return 1, ""
}

// quoted returns the length of the string that text begins with, quotes included.
func quoted(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// decode returns text in UTF-8 without its byte order mark.
func decode(text []byte) []byte {
	if rest, ok := bytes.CutPrefix(text, []byte("\xef\xbb\xbf")); ok {
		return rest
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order = binary.BigEndian
	case !bytes.HasPrefix(text, []byte("\xff\xfe")):
		return text
	}
	units := make([]uint16, 0, len(text)/2)
	for at := 2; at+1 < len(text); at += 2 {
		units = append(units, order.Uint16(text[at:]))
	}
	return []byte(string(utf16.Decode(units)))
}
