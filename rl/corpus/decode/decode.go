// Package decode tells in which encoding the bytes of a text file are, and decodes them.
package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// The encodings that are read.
const (
	UTF8        = "UTF-8"
	UTF16LE     = "UTF-16LE"
	UTF16BE     = "UTF-16BE"
	Windows1252 = "Windows-1252" // of which Latin-1 text is a part
)

// What is no text that can be read.
var (
	ErrBinary  = errors.New("not text")
	ErrUnknown = errors.New("text of an unknown encoding")
)

// Text is the text of a file: UTF-8 with LF line ends and no blank space around it.
type Text struct {
	Text     string
	Encoding string // UTF8, UTF16LE, UTF16BE or Windows1252
	Repaired bool   // invalid bytes became U+FFFD
}

// Decode returns the text that the bytes of a file stand for. A byte order mark is obeyed and
// dropped; without one, UTF-8 and then Windows-1252 are tried. Now and then it asks stop whether to
// go on. Its errors are ErrBinary, ErrUnknown and what stop returns.
func Decode(raw []byte, stop func() error) (d Text, err error) {
	switch encoding, mark := guess(raw); encoding {
	case UTF16LE:
		d, err = decodeUTF16(raw[mark:], binary.LittleEndian, stop)
		d.Encoding = encoding
	case UTF16BE:
		d, err = decodeUTF16(raw[mark:], binary.BigEndian, stop)
		d.Encoding = encoding
	default:
		d, err = decodeBytes(raw[mark:], stop)
	}
	if err != nil {
		return Text{}, err
	}
	if isBinary(d.Text) {
		return Text{}, ErrBinary
	}
	d.Text = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(d.Text, "\r\n", "\n"), "\r", "\n"))
	return d, nil
}

// guess returns the encoding that raw seems to begin in, and the length of its byte order mark.
// UTF-16 without a mark shows in the zero bytes that every second one of its plain characters has.
func guess(raw []byte) (encoding string, mark int) {
	switch {
	case bytes.HasPrefix(raw, []byte{0xEF, 0xBB, 0xBF}):
		return UTF8, 3
	case bytes.HasPrefix(raw, []byte{0xFF, 0xFE}):
		return UTF16LE, 2
	case bytes.HasPrefix(raw, []byte{0xFE, 0xFF}):
		return UTF16BE, 2
	}
	var zeros [2]int // at even and odd offsets
	head := raw[:min(len(raw), 4096)]
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	enough := max(2, len(head)/4)
	switch {
	case len(raw)%2 == 0 && zeros[0] == 0 && zeros[1] >= enough:
		return UTF16LE, 0
	case len(raw)%2 == 0 && zeros[1] == 0 && zeros[0] >= enough:
		return UTF16BE, 0
	}
	return UTF8, 0
}

// blockBytes is how much is decoded between two looks at whether to stop.
const blockBytes = 1 << 20

// decodeUTF16 decodes UTF-16 without a byte order mark. Halves of surrogate pairs and of characters
// become U+FFFD.
func decodeUTF16(raw []byte, order binary.ByteOrder, stop func() error) (d Text, err error) {
	var out strings.Builder
	out.Grow(len(raw))
	for len(raw) > 1 {
		if len(raw)/2%(blockBytes/2) == 0 {
			if err := stop(); err != nil {
				return d, err
			}
		}
		r := rune(order.Uint16(raw))
		raw = raw[2:]
		if utf16.IsSurrogate(r) {
			low := rune(utf8.RuneError)
			if len(raw) > 1 {
				low = rune(order.Uint16(raw))
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				d.Repaired = true
			} else {
				raw = raw[2:]
			}
		}
		out.WriteRune(r)
	}
	if len(raw) > 0 {
		out.WriteRune(utf8.RuneError)
		d.Repaired = true
	}
	d.Text = out.String()
	return d, nil
}

// maxInvalid is the share of invalid bytes, one in a thousand, up to which a file passes for UTF-8
// with a few slips.
const maxInvalid = 1000

// decodeBytes decodes UTF-8 or Windows-1252.
func decodeBytes(raw []byte, stop func() error) (Text, error) {
	invalid, wide := countUTF8(raw)
	switch {
	case invalid == 0:
		return Text{Text: string(raw), Encoding: UTF8}, nil
	case isBinary(string(raw[:min(len(raw), blockBytes)])):
		return Text{}, ErrBinary
	case 10*wide <= invalid && isWestern(raw):
		text, err := decodeWestern(raw, stop)
		return Text{Text: text, Encoding: Windows1252}, err
	case invalid <= len(raw)/maxInvalid:
		return Text{Text: strings.ToValidUTF8(string(raw), "\uFFFD"), Encoding: UTF8, Repaired: true}, nil
	}
	return Text{}, ErrUnknown
}

// countUTF8 returns the number of bytes that are not valid UTF-8 and that of valid characters of
// several bytes; if all bytes are valid it does not count the latter.
func countUTF8(raw []byte) (invalid, wide int) {
	if utf8.Valid(raw) {
		return 0, 0
	}
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		switch {
		case r == utf8.RuneError && size == 1:
			invalid++
		case size > 1:
			wide++
		}
		raw = raw[size:]
	}
	return invalid, wide
}

// isBinary reports whether text has a zero byte, or more than one control character in ten.
func isBinary(text string) bool {
	controls := 0
	for i := range len(text) {
		switch b := text[i]; {
		case b == 0:
			return true
		case b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != '\v' && b != 0x1B:
			controls++
		}
	}
	return 10*controls > len(text)
}

// isWestern reports whether raw is likely text in Windows-1252, and not in a code page of another
// alphabet: such a one would use bytes that stand for nothing here, or have words of nothing but
// letters beyond ASCII, or signs such as ³ between two letters.
func isWestern(raw []byte) bool {
	high, odd := 0, 0
	at := func(i int) byte {
		if i < 0 || i >= len(raw) {
			return ' '
		}
		return raw[i]
	}
	for i, b := range raw {
		switch {
		case b < 0x80:
			continue
		case b == 0x81 || b == 0x8D || b == 0x8F || b == 0x90 || b == 0x9D:
			return false
		case at(i-1) >= 0x80 && at(i+1) >= 0x80, isSign(b) && isASCIILetter(at(i-1)) && isASCIILetter(at(i+1)):
			odd++
		}
		high++
	}
	return 10*odd <= high
}

func isASCIILetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// isSign reports whether b is a sign of Windows-1252 that does not stand inside a word; the soft
// hyphen, the middle dot and the ordinals do.
func isSign(b byte) bool {
	return 0xA1 <= b && b <= 0xBF && b != 0xAA && b != 0xAD && b != 0xB7 && b != 0xBA
}

func decodeWestern(raw []byte, stop func() error) (string, error) {
	var out strings.Builder
	out.Grow(len(raw) + len(raw)/8)
	for block := range slices.Chunk(raw, blockBytes) {
		if err := stop(); err != nil {
			return "", err
		}
		for _, b := range block {
			out.WriteRune(charmap.Windows1252.DecodeByte(b))
		}
	}
	return out.String(), nil
}
