package corpus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxInvalid is the share of invalid UTF-8 bytes, one in a thousand, up to which a file passes for text with a few slips. Prose in
// a Latin-1 code page has more, and must not be read as if its accents were noise.
const maxInvalid = 1000

var (
	errBinary   = errors.New("is not text, it has NUL bytes")
	errEncoding = errors.New("is not UTF-8 text")
)

// decode turns the bytes of a file into UTF-8 text with LF line ends and no blank space around it. A byte order mark is dropped;
// one of UTF-16 is obeyed. Stray invalid bytes become U+FFFD, and repaired tells so.
func decode(raw []byte) (text string, repaired bool, err error) {
	switch {
	case bytes.HasPrefix(raw, []byte{0xEF, 0xBB, 0xBF}):
		raw = raw[3:]
	case bytes.HasPrefix(raw, []byte{0xFF, 0xFE}):
		raw, err = decodeUTF16(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte{0xFE, 0xFF}):
		raw, err = decodeUTF16(raw[2:], binary.BigEndian)
	}
	if err != nil {
		return "", false, err
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return "", false, errBinary
	}
	if invalid := countInvalid(raw); invalid > 0 {
		if invalid > len(raw)/maxInvalid {
			return "", false, errEncoding
		}
		raw, repaired = bytes.ToValidUTF8(raw, []byte("\uFFFD")), true
	}
	return strings.TrimSpace(strings.ReplaceAll(string(raw), "\r\n", "\n")), repaired, nil
}

func decodeUTF16(raw []byte, order binary.ByteOrder) ([]byte, error) {
	if len(raw)%2 != 0 {
		return nil, errors.New("begins as UTF-16 but has half a character at its end")
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	out := make([]byte, 0, len(raw))
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}

func countInvalid(raw []byte) (n int) {
	if utf8.Valid(raw) {
		return 0
	}
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		raw = raw[size:]
	}
	return n
}
