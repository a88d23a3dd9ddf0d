package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unicode"
)

func readTestdata(tb testing.TB, name string, into any) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		tb.Fatal(err)
	}
}

// TestClasses compares, for every code point, with what Hugging Face tokenizers takes for a letter,
// a number and white space in patterns, for a digit in Digits, and for a part of a word.
func TestClasses(t *testing.T) {
	var want map[string]struct {
		Count  int
		SHA256 string
	}
	readTestdata(t, "classes.json", &want)
	is := func(want class, digits bool) func(r rune) bool {
		return func(r rune) bool {
			c, _ := classAt(string(r), 0, digits)
			return c == want
		}
	}
	for name, in := range map[string]func(r rune) bool{
		"letters":     is(letter, false),
		"numbers":     is(number, false),
		"digits":      is(number, true),
		"words":       isWord,
		"punctuation": func(r rune) bool { return unicode.Is(punctuation, r) },
		"space":       func(r rune) bool { return is(space, false)(r) || is(newline, false)(r) },
	} {
		count, hash := 0, sha256.New()
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if in(r) && (r < 0xd800 || r > 0xdfff) {
				fmt.Fprintf(hash, "%x\n", r)
				count++
			}
		}
		if w := want[name]; count != w.Count || hex.EncodeToString(hash.Sum(nil)) != w.SHA256 {
			t.Errorf("%s: %d code points, want %d", name, count, w.Count)
		}
	}
}

// TestNFC compares normal form C with that of Hugging Face tokenizers, which knows the characters of
// Unicode 9, about those that came later, and among them.
func TestNFC(t *testing.T) {
	var cases [][2]string
	readTestdata(t, "nfc.json", &cases)
	if len(cases) < 300 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		if got := composed(c[0]); got != c[1] {
			t.Errorf("%+q: %+q, want %+q", c[0], got, c[1])
		}
		if got := composeLong(c[0]); got != c[1] {
			t.Errorf("%+q composed at length: %+q, want %+q", c[0], got, c[1])
		}
	}
}
