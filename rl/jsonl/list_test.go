package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// spelledList is what List finds if it reads so many bytes at once: the line and value of each element, or
// the line and problem.
func spelledList(text string, chunk int) (found []string) {
	l := &list{parser: parser{words: true}, in: strings.NewReader(text), line: 1, chunk: chunk}
	l.read(func(at Place, v any, err error) error {
		if e := (*Error)(nil); errors.As(err, &e) {
			if at := 1 + strings.Count(text[:e.Offset], "\n"); e.Line != at {
				found = append(found, fmt.Sprintf("line %d in place of %d", e.Line, at))
			}
			found = append(found, fmt.Sprintf("%d: bad, %s, rest %v", at.Line, e.Problem, e.Rest))
			return nil
		}
		found = append(found, fmt.Sprintf("%d: %v", at.Line, v))
		same, err := ParseWords([]byte(text[at.Offset : at.Offset+at.Size]))
		if err != nil || !reflect.DeepEqual(same, v) {
			found = append(found, fmt.Sprintf("%v at %v, %v", same, at, err))
		}
		return nil
	})
	return found
}

// TestList: elements come one by one, and a damaged one takes no more with it than it must.
func TestList(t *testing.T) {
	for text, want := range map[string][]string{
		"[]":                  nil,
		`[1, {"a": "]"}, []]`: {"1: 1", "1: map[a:]]", "1: []"},
		"[\n{\"a\": 1},\n{\"a\": },\n{\"a\": 3}\n]": {"2: map[a:1]",
			"3: bad, '}' stands where a value is wanted, rest false", "4: map[a:3]"},
		"[{\"a\": \"x},\n{\"a\": 2}]": {
			`1: bad, the control character '\n' stands in a string, rest false`, "2: map[a:2]"},
		"[\n {\n  \"a\": [\n   {\"b\": nil}\n  ]\n },\n {\n  \"a\": 2\n }\n]": {
			"2: bad, 'n' stands where a value is wanted, rest false", "7: map[a:2]"},
		"[1\n,2\n,x\n,4]":                   {"1: 1", "2: 2", "3: bad, 'x' stands where a value is wanted, rest true"},
		"[\n{\"a\": 1}\n{\"a\": 2},\n{}\n]": {"2: map[a:1]", "3: bad, '{' stands where a comma or ] is wanted, rest false", "4: map[]"},
		"[{\"a\": 1}, {\"a\": ":             {"1: map[a:1]", "1: bad, it ends where a value is wanted, rest true"},
		"[{}] {}":                           {"1: map[]", "1: bad, more follows the first value, rest false"},
		"[\n\"\xff\",\n\"b\"]":              {"2: bad, the text is not UTF-8, it has the byte 0xff; convert it, rest false", "3: b"},
		"{}":                                {"1: bad, '{' stands where a list is wanted, rest false"},
		"[\n {\"a\": NaN},\n {\"a\": -Infinity}]": {"2: map[a:1e99999]", "3: map[a:-1e9999]"},
		"[\n {\"a\": \"\\ud83d\\ude00\"},\n {\"a\": \"\\ud83d\"},\n {\"a\": true}]": {"2: map[a:😀]", `3: bad, \ud83d ` +
			"is half of a surrogate pair and stands for no character; write both halves or remove it, rest false",
			"4: map[a:true]"},
		" \n [" + strings.Repeat(" \n", 40) + " {\"a\": },\n  {},\n {\"b\": 2}]": {
			"42: bad, '}' stands where a value is wanted, rest false", "44: map[b:2]"},
	} {
		for _, chunk := range []int{1, 2, 7, 30, 1 << 10} {
			if got := spelledList(text, chunk); !reflect.DeepEqual(got, want) {
				t.Errorf("%q, %d bytes at once, holds\n%q\nwant\n%q", text, chunk, got, want)
			}
		}
	}
	stop := errors.New("enough")
	n := 0
	enough := func(Place, any, error) error { n++; return stop }
	if err := List(strings.NewReader("[1, 2]"), enough); err != stop || n != 1 {
		t.Errorf("%v after %d elements", err, n)
	}
	in := io.MultiReader(strings.NewReader("[1, 2"), iotest.ErrReader(stop))
	if err := List(in, func(Place, any, error) error { return nil }); err != stop {
		t.Errorf("of a file that cannot be read on it says %v", err)
	}
}

// TestListMemory: a list of large elements, damaged ones among them, takes memory for a few of them.
func TestListMemory(t *testing.T) {
	const size, elements = 1 << 16, 1000
	element := "\n{\"a\": \"" + strings.Repeat("x", size) + "\"},"
	var in []io.Reader
	for i := range elements {
		if in = append(in, strings.NewReader(element)); i%10 == 5 {
			in = append(in, strings.NewReader(element[:size/2]))
		}
	}
	l := &list{in: io.MultiReader(append([]io.Reader{strings.NewReader("[")}, in...)...), line: 1, chunk: 1 << 12}
	good, bad := 0, 0
	err := l.read(func(at Place, v any, err error) error {
		if err != nil {
			bad++
		} else {
			good++
		}
		return nil
	})
	if err != nil || bad != 1+elements/10 || good != elements || cap(l.data) > 8*size {
		t.Errorf("%d elements, %d damaged, %d bytes at once, %v", good, bad, cap(l.data), err)
	}
}

// FuzzList: what Parse reads as a list List reads as the same, and nothing else without an error.
func FuzzList(f *testing.F) {
	for _, s := range []string{"[1, 2]", "[\n{},\n{\"a\": }]", "[", "[[[", "[\n\"\n\"\n\"]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte("NaN")) || bytes.Contains(data, []byte("Infinity")) {
			return // which Parse does not read
		}
		found, bad := []any{}, 0
		l := &list{in: bytes.NewReader(data), line: 1, chunk: 1 + len(data)%9}
		l.read(func(at Place, v any, err error) error {
			if err != nil {
				bad++
			} else {
				found = append(found, v)
			}
			return nil
		})
		want, err := Parse(data)
		all, ok := want.([]any)
		if ok && err == nil && (bad > 0 || !reflect.DeepEqual(found, all)) || (!ok || err != nil) && bad == 0 {
			t.Errorf("%q holds %v with %d errors, want %v, %v", data, found, bad, want, err)
		}
	})
}
