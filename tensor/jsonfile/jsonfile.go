// Package jsonfile takes JSON as other programs write it: Python's json writes numbers that are not
// finite as words, editors and shells of Windows begin a file with a byte order mark or write it in
// UTF-16. Every file of JSON that people or their tools make is read through it.
package jsonfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"spell/tensor/atomicfile"
)

// Read returns the bytes of the file at path. A file of more than limit bytes is refused before it
// is read, as is what is no file. The error does not name the path.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // before os.Open, which would wait for the writer of a named pipe
	if err == nil && (!info.Mode().IsRegular() || info.Size() > limit) {
		err = fmt.Errorf("not a regular file of at most %d bytes; copy it again", limit)
	}
	if err != nil {
		return nil, atomicfile.Cause(err)
	}
	text, err := os.ReadFile(path)
	return text, atomicfile.Cause(err)
}

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
	out := make([]byte, 0, len(text)+4*bytes.Count(text, []byte("NaN"))) // which alone grows
	for i := 0; i < len(text); {
		n, number := Word(text[i:])
		if text[i] == '"' {
			n = Quoted(text[i:])
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

// Word returns the length of one of Python's words at the beginning of text, and the number that Standard
// writes in its place; 1 and no number if there is none.
func Word(text []byte) (n int, number string) {
	for _, w := range []struct{ word, number string }{
		{"Infinity", infinity}, {"-Infinity", negInfinity}, {"NaN", notANumber},
	} {
		if bytes.HasPrefix(text, []byte(w.word)) {
			return len(w.word), w.number
		}
	}
	return 1, ""
}

// Quoted returns the length of the string that text begins with, quotes included.
func Quoted(text []byte) int {
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
	out := make([]byte, 0, len(text)/2*3) // a unit takes three bytes at most
	for at := 2; at+1 < len(text); at += 2 {
		r := rune(order.Uint16(text[at:]))
		if utf16.IsSurrogate(r) && at+3 < len(text) {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(text[at+2:]))); pair != utf8.RuneError {
				r, at = pair, at+2
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
