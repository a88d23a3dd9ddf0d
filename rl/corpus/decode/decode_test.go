package decode

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func never() error { return nil }

func TestDecode(t *testing.T) {
	prose := strings.Repeat("plain words ", 200) // 2,400 bytes: two invalid ones pass, three do not
	wide := prose + "é"                          // valid UTF-8, so that invalid bytes are slips
	for _, c := range []struct {
		name, raw, want, encoding string
		repaired                  bool
		err                       error
	}{
		{"plain", " a\nb \n", "a\nb", UTF8, false, nil},
		{"nothing", "", "", UTF8, false, nil},
		{"line ends of all systems", "a\r\n\r\nb\rc\r\n", "a\n\nb\nc", UTF8, false, nil},
		{"a true U+FFFD", "a\uFFFD", "a\uFFFD", UTF8, false, nil},
		{"UTF-8 mark", "\xEF\xBB\xBFé", "é", UTF8, false, nil},
		{"colours of a terminal", "\x1b[1mbold\x1b[0m", "\x1b[1mbold\x1b[0m", UTF8, false, nil},
		{"two slips", wide + "\xe9x\xe9", wide + "\uFFFDx\uFFFD", UTF8, true, nil},
		{"three slips", wide + "\xe9x\xe9x\xe9", "", "", false, ErrUnknown},

		{"UTF-16 little", "\xFF\xFEa\x00\r\x00\n\x00\xE9\x00\x3D\xD8\x00\xDE", "a\né😀", UTF16LE, false, nil},
		{"UTF-16 big", "\xFE\xFF\x00a\x00\xE9\xD8\x3D\xDE\x00", "aé😀", UTF16BE, false, nil},
		{"UTF-16 little without mark", "a\x00b\x00", "ab", UTF16LE, false, nil},
		{"UTF-16 big without mark", "\x00a\x00b\x00\n\x22\x11", "ab\n∑", UTF16BE, false, nil},
		{"half a character", "\xFF\xFEa\x00b", "a\uFFFD", UTF16LE, true, nil},
		{"half a pair", "\xFF\xFEa\x00\x3D\xD8b\x00\x3D\xD8", "a\uFFFDb\uFFFD", UTF16LE, true, nil},

		{"Latin-1", "le caf\xe9 d'\xe9t\xe9", "le café d'été", Windows1252, false, nil},
		{"one accent in a long text", prose + "caf\xe9", prose + "café", Windows1252, false, nil},
		{"Windows-1252", "\x93don\x92t\x94 \x97 5 \x80\r\nna\xefve", "“don’t” — 5 €\nnaïve", Windows1252, false, nil},
		{"signs at the end of words", "12 m\xb3, 20\xb0C, \xbfqu\xe9? l'art\xb7", "12 m³, 20°C, ¿qué? l'art·", Windows1252, false, nil},
		{"Cyrillic of Windows", "\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0 and peace", "", "", false, ErrUnknown},
		{"Polish of Windows", "ca\xb3y \xb3adny g\xb3os sp\xf3\xb3ka", "", "", false, ErrUnknown},
		{"Shift JIS", "\x93\xfa\x96\x7b\x8c\xea \x82\xcc \x95\xb6\x8f\x9f", "", "", false, ErrUnknown},
		{"bytes that Windows-1252 lacks", "plain text and more of it \x81\x8d", "", "", false, ErrUnknown},

		{"UTF-32", "\xFF\xFE\x00\x00a\x00\x00\x00", "", "", false, ErrBinary},
		{"NUL", "ab\x00", "", "", false, ErrBinary},
		{"control characters", "\x01\x02\x03abc\x04\x05", "", "", false, ErrBinary},
		{"control characters and no UTF-8", "\x01\x02\x03abc\x04\xff\xfe", "", "", false, ErrBinary},
	} {
		got, err := Decode([]byte(c.raw), never)
		if want := (Text{c.want, c.encoding, c.repaired}); got != want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %+v, %v, want %+v, %v", c.name, got, err, want, c.err)
		}
	}
}

// Whatever can take long asks whether to stop.
func TestDecodeStops(t *testing.T) {
	prose := strings.Repeat("words ", blockBytes/2)
	wide := []byte("\xFF\xFE")
	for _, u := range utf16.Encode([]rune(prose)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, raw := range map[string][]byte{"UTF-16": wide, "Windows-1252": []byte(prose + "caf\xe9")} {
		asked := 0
		_, err := Decode(raw, func() error {
			if asked++; asked < 3 {
				return nil
			}
			return context.Canceled
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v after %d times asked", name, err, asked)
		}
	}
}

// Whatever the bytes, what comes out is text as documents have it.
func FuzzDecode(f *testing.F) {
	for _, raw := range []string{"\xFF\xFEa\x00\x3D\xD8", "caf\xe9", "a\r\nb\r", "\x00a", "\xEF\xBB\xBF\x80\x81"} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Decode(raw, never)
		if err != nil && err != ErrBinary && err != ErrUnknown {
			t.Fatal(err)
		}
		if !utf8.ValidString(d.Text) || strings.ContainsAny(d.Text, "\r\x00") || d.Text != strings.TrimSpace(d.Text) {
			t.Fatalf("%q reads %q", raw, d.Text)
		}
	})
}
