package jsonl

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// spelledList is what List finds: the line and value of each element, or the line and problem.
func spelledList(text string) (found []string) {
	List([]byte(text), func(offset int, v any, err error) error {
		line := 1 + strings.Count(text[:offset], "\n")
		if e := (*Error)(nil); errors.As(err, &e) {
			found = append(found, fmt.Sprintf("%d: bad, %s, rest %v", line, e.Problem, e.Rest))
			return nil
		}
		found = append(found, fmt.Sprintf("%d: %v", line, v))
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
	} {
		if got := spelledList(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q holds\n%q\nwant\n%q", text, got, want)
		}
	}
	stop := errors.New("enough")
	n := 0
	if err := List([]byte("[1, 2]"), func(int, any, error) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("%v after %d elements", err, n)
	}
}

// FuzzList: what Parse reads as a list List reads as the same, and nothing else without an error.
func FuzzList(f *testing.F) {
	for _, s := range []string{"[1, 2]", "[\n{},\n{\"a\": }]", "[", "[[[", "[\n\"\n\"\n\"]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, bad := []any{}, 0
		List(data, func(offset int, v any, err error) error {
			if err != nil {
				bad++
			} else {
				list = append(list, v)
			}
			return nil
		})
		want, err := Parse(data)
		all, ok := want.([]any)
		if ok && err == nil && (bad > 0 || !reflect.DeepEqual(list, all)) || (!ok || err != nil) && bad == 0 {
			t.Errorf("%q holds %v with %d errors, want %v, %v", data, list, bad, want, err)
		}
	})
}
