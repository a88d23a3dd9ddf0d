package corpus

import (
	"errors"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	prose := strings.Repeat("plain words ", 200) // 2,400 bytes: two invalid ones pass, three do not
	for _, c := range []struct {
		name, raw, want string
		repaired        bool
		err             error
	}{
		{"plain", " a\nb \n", "a\nb", false, nil},
		{"nothing", "", "", false, nil},
		{"windows lines", "a\r\n\r\nb\rc\r\n", "a\n\nb\rc", false, nil},
		{"UTF-8 mark", "\xEF\xBB\xBFé", "é", false, nil},
		{"UTF-16 little", "\xFF\xFEa\x00\r\x00\n\x00\xE9\x00\x3D\xD8\x00\xDE", "a\né😀", false, nil},
		{"UTF-16 big", "\xFE\xFF\x00a\x00\xE9\xD8\x3D\xDE\x00", "aé😀", false, nil},
		{"UTF-16 without mark", "a\x00b\x00", "", false, errBinary},
		{"UTF-32", "\xFF\xFE\x00\x00a\x00\x00\x00", "", false, errBinary},
		{"NUL", "ab\x00", "", false, errBinary},
		{"two slips", prose + "\xe9x\xe9", prose + "\uFFFDx\uFFFD", true, nil},
		{"three slips", prose + "\xe9x\xe9x\xe9", "", false, errEncoding},
		{"a true U+FFFD", "a\uFFFD", "a\uFFFD", false, nil},
	} {
		got, repaired, err := decode([]byte(c.raw))
		if got != c.want || repaired != c.repaired || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %t, %v, want %q, %t, %v", c.name, got, repaired, err, c.want, c.repaired, c.err)
		}
	}
}
