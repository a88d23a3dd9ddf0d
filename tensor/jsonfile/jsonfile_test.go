package jsonfile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"
	"unicode/utf16"
)

func utf16Text(order binary.ByteOrder, text string) string {
	out := make([]byte, 0, 2+2*len(text))
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		out = append(out, 0, 0)
		order.PutUint16(out[len(out)-2:], u)
	}
	return string(out)
}

func TestStandard(t *testing.T) {
	const plain = `{"a": [1, "é𐀀"]}`
	for _, c := range []struct{ name, text, want string }{
		{"plain", plain, plain},
		{"mark", "\ufeff" + plain, plain},
		{"UTF-16 of Windows", utf16Text(binary.LittleEndian, plain), plain},
		{"UTF-16, big end first", utf16Text(binary.BigEndian, plain), plain},
		{"words", `[NaN, Infinity,-Infinity , 1]`, `[1e99999, 1e9999,-1e9999 , 1]`},
		{"mark and word", "\ufeff{\"a\":\n NaN}", "{\"a\":\n 1e99999}"},
		{"words in strings", `{"NaN": "Infinity -Infinity", "b": NaN}`, `{"NaN": "Infinity -Infinity", "b": 1e99999}`},
		{"quotes in strings", `{"a\"NaN\\": NaN, "b": "\\"}`, `{"a\"NaN\\": 1e99999, "b": "\\"}`},
		{"string without an end", `["NaN`, `["NaN`},
		{"ends in a backslash", `[NaN, "\`, `[1e99999, "\`},
		{"empty", "", ""},
		{"half a mark", "\xef\xbb", "\xef\xbb"},
		{"mark alone", "\xff\xfe", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := []byte(c.text)
			got := Standard(text)
			if string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if string(text) != c.text {
				t.Errorf("the text itself became %q", text)
			}
		})
	}
}

// TestNotFinite: a field that is read refuses the number, in Python's words, and others do not.
func TestNotFinite(t *testing.T) {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		raw := Standard([]byte(`{"read": ` + word + `, "other": ` + word + `}`))
		var other struct{ Another float64 }
		if err := json.Unmarshal(raw, &other); err != nil {
			t.Errorf("%s in a field that is not read: %v", word, err)
		}
		var f struct{ Read json.Number }
		if err := json.Unmarshal(raw, &f); err != nil || Number(f.Read.String()) != word {
			t.Errorf("%s was read as %q (%v)", word, Number(f.Read.String()), err)
		}
		var n struct{ Read float64 }
		if json.Unmarshal(raw, &n) == nil {
			t.Errorf("%s was read as %v", word, n.Read)
		}
	}
	if got := Number("1e5"); got != "1e5" {
		t.Errorf("1e5 is spelt %s", got)
	}
}

func FuzzStandard(f *testing.F) {
	f.Add([]byte(`{"NaN": [NaN, -Infinity, "\"Infinity"]}`))
	f.Add([]byte("\xff\xfe{\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Standard(text)
		if json.Valid(text) && !bytes.Equal(got, text) {
			t.Errorf("%q is JSON and became %q", text, got)
		}
	})
}
