package folder

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
		{"plain", " a\nb \n", "a\nb", utf8Text, false, nil},
		{"nothing", "", "", utf8Text, false, nil},
		{"line ends of all systems", "a\r\n\r\nb\rc\r\n", "a\n\nb\nc", utf8Text, false, nil},
		{"a true U+FFFD", "a\uFFFD", "a\uFFFD", utf8Text, false, nil},
		{"UTF-8 mark", "\xEF\xBB\xBFé", "é", utf8Text, false, nil},
		{"colours of a terminal", "\x1b[1mbold\x1b[0m", "\x1b[1mbold\x1b[0m", utf8Text, false, nil},
		{"two slips", wide + "\xe9x\xe9", wide + "\uFFFDx\uFFFD", utf8Text, true, nil},
		{"three slips", wide + "\xe9x\xe9x\xe9", "", "", false, errUnknown},

		{"UTF-16 little", "\xFF\xFEa\x00\r\x00\n\x00\xE9\x00\x3D\xD8\x00\xDE", "a\né😀", utf16Little, false, nil},
		{"UTF-16 big", "\xFE\xFF\x00a\x00\xE9\xD8\x3D\xDE\x00", "aé😀", utf16Big, false, nil},
		{"UTF-16 little without mark", "a\x00b\x00", "ab", utf16Little, false, nil},
		{"UTF-16 big without mark", "\x00a\x00b\x00\n\x22\x11", "ab\n∑", utf16Big, false, nil},
		{"half a character", "\xFF\xFEa\x00b", "a\uFFFD", utf16Little, true, nil},
		{"half a pair", "\xFF\xFEa\x00\x3D\xD8b\x00\x3D\xD8", "a\uFFFDb\uFFFD", utf16Little, true, nil},

		{"Latin-1", "le caf\xe9 d'\xe9t\xe9", "le café d'été", windows1252, false, nil},
		{"one accent in a long text", prose + "caf\xe9", prose + "café", windows1252, false, nil},
		{"Windows-1252", "\x93don\x92t\x94 \x97 5 \x80\r\nna\xefve", "“don’t” — 5 €\nnaïve", windows1252, false, nil},
		{"signs at the end of words", "12 m\xb3, 20\xb0C, \xbfqu\xe9? l'art\xb7", "12 m³, 20°C, ¿qué? l'art·", windows1252, false, nil},
		{"Cyrillic of Windows", "\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0 and peace", "", "", false, errUnknown},
		{"Polish of Windows", "ca\xb3y \xb3adny g\xb3os sp\xf3\xb3ka", "", "", false, errUnknown},
		{"Shift JIS", "\x93\xfa\x96\x7b\x8c\xea \x82\xcc \x95\xb6\x8f\x9f", "", "", false, errUnknown},
		{"bytes that Windows-1252 lacks", "plain text and more of it \x81\x8d", "", "", false, errUnknown},

		{"UTF-32", "\xFF\xFE\x00\x00a\x00\x00\x00", "", "", false, errBinary},
		{"NUL", "ab\x00", "", "", false, errBinary},
		{"control characters", "\x01\x02\x03abc\x04\x05", "", "", false, errBinary},
		{"control characters and no UTF-8", "\x01\x02\x03abc\x04\xff\xfe", "", "", false, errBinary},
	} {
		got, err := decode([]byte(c.raw), never)
		if want := (decoded{c.want, c.encoding, c.repaired}); got != want || !errors.Is(err, c.err) {
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
		_, err := decode(raw, func() error {
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
		d, err := decode(raw, never)
		if err != nil && err != errBinary && err != errUnknown {
			t.Fatal(err)
		}
		if !utf8.ValidString(d.text) || strings.ContainsAny(d.text, "\r\x00") || d.text != strings.TrimSpace(d.text) {
			t.Fatalf("%q reads %q", raw, d.text)
		}
	})
}
