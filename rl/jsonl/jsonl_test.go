package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]any{
		` {"a": [1, -0.5e+3, true, false, null], "A": {}} `: map[string]any{"A": map[string]any{},
			"a": []any{json.Number("1"), json.Number("-0.5e+3"), true, false, nil}},
		`[]`:                        []any{},
		`"\"\\\/\b\f\n\r\t\u00e9é"`: "\"\\/\b\f\n\r\téé",
		`"\ud83d\ude00\uFFFD"`:      "😀\ufffd",
		`""`:                        "",
		"0":                         json.Number("0"),
	} {
		if got, err := Parse([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, %v; want %#v", text, got, err, want)
		}
	}
}

// TestErrors: what is no JSON, and what encoding/json would mend, is told with its place.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		text, say string
		offset    int
		syntax    bool
	}{
		{"", "it ends where a value is wanted", 0, true},
		{"  ", "it ends where a value is wanted", 2, true},
		{"\x00", `'\x00' stands where a value is wanted`, 0, true},
		{"{\x00}", `'\x00' stands where a name in double quotes is wanted`, 1, true},
		{`{"a": 1} {`, "more follows the first value", 9, true},
		{`{"a" 1}`, "'1' stands where a colon is wanted", 5, true},
		{`{"a": 1 "b"}`, `'"' stands where a comma or } is wanted`, 8, true},
		{`{"a": 1,}`, "'}' stands where a name in double quotes is wanted", 8, true},
		{`{a: 1}`, "'a' stands where a name in double quotes is wanted", 1, true},
		{`[1,]`, "']' stands where a value is wanted", 3, true},
		{`[1 2]`, "'2' stands where a comma or ] is wanted", 3, true},
		{`[1`, "it ends where a comma or ] is wanted", 2, true},
		{`01`, "more follows the first value", 1, true},
		{`-`, "it ends where a digit is wanted", 1, true},
		{`1.`, "it ends where a digit is wanted", 2, true},
		{`1e+x`, "'x' stands where a digit is wanted", 3, true},
		{`NaN`, "'N' stands where a value is wanted", 0, true},
		{`'a'`, `'\'' stands where a value is wanted`, 0, true},
		{`"a`, "it ends within a string", 2, true},
		{"\"a\nb\"", `the control character '\n' stands in a string`, 2, true},
		{`"\x"`, "'x' stands where one of", 2, true},
		{`"\u12g4"`, "'u' stands where one of", 2, true},
		{`"\`, "it ends where one of", 2, true},
		{"{\"a\": \"\xff\"}", "not UTF-8, it has the byte 0xff", 7, false},
		{"[\n\"\xed\xa0\x80\"]", "not UTF-8, it has the byte 0xed", 3, false},
		{`"é\ud83d"`, `\ud83d is half of a surrogate pair`, 3, false},
		{`"\ude00\ud83d"`, `\ude00 is half of a surrogate pair`, 1, false},
		{`"\ud83d\n"`, `\ud83d is half of a surrogate pair`, 1, false},
		{`{"\ud83d": 1}`, `\ud83d is half of a surrogate pair`, 2, false},
		{`{"a": 1, "b": {"a": 1}, "a": 2}`, `the field "a" stands twice`, 24, false},
		{`[{"a": 1, "\u0061": 2}]`, `the field "a" stands twice`, 10, false},
		{strings.Repeat("[", 1e6), "more than 1000 deep", 1001, false},
	} {
		_, err := Parse([]byte(tt.text))
		var e *Error
		told := errors.As(err, &e) && strings.Contains(e.Problem, tt.say)
		if !told || e.Offset != tt.offset || e.Syntax != tt.syntax {
			t.Errorf("%.40q gives %+v, want %q at %d", tt.text, err, tt.say, tt.offset)
		}
	}
	_, err := Parse([]byte("[1,\n2,\n?]"))
	if e := (*Error)(nil); !errors.As(err, &e) || e.Line != 3 || !strings.HasSuffix(err.Error(), " (byte 8)") {
		t.Errorf("%+v", err)
	}
}

// FuzzParse: what is read is what encoding/json reads, and what is not is told to be no JSON, or is
// one of the few things that encoding/json mends.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a": [1, "\ud83d\ude00", null, {"a": true}]}`, `"\ud800"`, `{"a": 1, "a": 2}`,
		"\"\xff\"", `[1e5, -0]`, "\"\u007f\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse(data)
		var e *Error
		if errors.As(err, &e) {
			mended := !utf8.Valid(data) || bytes.ContainsAny(data, "\\\"[{")
			if e.Syntax && json.Valid(data) || !e.Syntax && !mended || e.Offset > len(data) {
				t.Errorf("%q gives %+v", data, e)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil || !json.Valid(data) || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %#v, want %#v, %v", data, got, want, err)
		}
	})
}
