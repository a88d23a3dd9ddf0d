package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// foreign are words of the libraries below, and of structures that a user has not seen.
var foreign = []string{"Go ", "json:", "strconv", "invalid character", "unmarshal", "segment", "request 0", "a pass"}

// plainly fails if an outcome has words of others.
func (o outcome) plainly(t *testing.T) {
	t.Helper()
	for _, word := range foreign {
		if strings.Contains(o.stderr, word) {
			t.Errorf("%q has %q", o.stderr, word)
		}
	}
}

// TestPlainInputErrors: token ids, texts and samplings that cannot be used are refused in the words
// of the user's own input.
func TestPlainInputErrors(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		stdin, line string
		want        []string
	}{
		{"[1, 2.5]", "score --ids -", []string{"value 2 of the array is 2.5", "whole number"}},
		{`["a"]`, "score --ids -", []string{`value 1 of the array is "a"`}},
		{"[[1]]", "score --ids -", []string{"value 1 of the array is [1]"}},
		{"[1, 1e3]", "score --ids -", []string{"value 2 of the array is 1e3"}},
		{"[1, 99999999999]", "score --ids -", []string{"value 2 of the array is 99999999999"}},
		{`{"ids": "a"}`, "score --ids -", []string{"it is a JSON string and no array"}},
		{`{"ids": null}`, "score --ids -", []string{"holds no ids"}},
		{"7", "score --ids -", []string{"it is a JSON number and no array"}},
		{"[1,\n2,\nx]", "score --ids -", []string{"line 3", `"x]"`}},
		{"[1,", "score --ids -", []string{"ends in the middle"}},
		{`{"ids": [1`, "score --ids -", []string{"ends in the middle"}},
		{"[1] [2]", "score --ids -", []string{"line 1", `"[2]"`}},
		{"[7]", "score --ids -", []string{"standard input has one token", "nothing to score"}},
		{"[1, 999]", "score --ids -", []string{"holds token 999", "from 0 to 269"}},
		{"", "score --text a", []string{"the text has one token", "nothing to score"}},
		{strings.Repeat(prose, 9), "score --text -", []string{"the text has", "context of 96"}},
		{"", "generate --ids 99999", []string{"the prompt holds token 99999", "from 0 to 269"}},
		{"", "generate --ids=", []string{"--ids has no token ids"}},
		{"", "generate --ids 1 --temperature 1e-9", []string{"--temperature 1e-09", "0.0001"}},
		{"", "generate --ids 1 --top-p 1e-99", []string{"--top-p 1e-99"}},
		{"[1.5]", "tokenize --decode", []string{"value 1 of the array is 1.5", "JSON array of ids per line"}},
		{`"x"`, "tokenize --decode", []string{"it is a JSON string and no array"}},
		{"[1]\nx", "tokenize --decode", []string{"value 2", "this is not JSON"}},
		{"[1", "tokenize --decode", []string{"ends in the middle"}},
		{"plain", "tokenize", []string{"this is not JSON", "JSON string per line"}},
	} {
		o := spell(t, c.stdin, append(strings.Fields(c.line), "--model", f.dir)...)
		o.fails(t, c.want...)
		o.plainly(t)
	}
}

// TestByteOrderMark: what some editors write in front of a text is no part of it, whatever reads.
func TestByteOrderMark(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ stdin, line string }{
		{"[1, 2, 3]", "score --json --ids -"},
		{`{"ids": [1, 2, 3]}`, "score --json --ids -"},
		{"The ferry", "score --text -"},
		{`"The ferry"`, "tokenize"},
		{"The ferry", "tokenize --raw"},
		{"", "tokenize --raw"},
		{"[1, 2]", "tokenize --decode"},
	} {
		args := append(strings.Fields(c.line), "--model", f.dir)
		want := succeed(t, c.stdin, args...)
		if got := succeed(t, byteOrderMark+c.stdin, args...); got != want {
			t.Errorf("%s: %q with a mark, %q without", c.line, got, want)
		}
	}
	marked := write(t, filepath.Join(t.TempDir(), "ids.json"), byteOrderMark+"[1, 2, 3]")
	a := succeed(t, "", "score", "--model", f.dir, "--ids", marked)
	if b := succeed(t, "", "score", "--model", f.dir, "--ids", f.ids); a != b {
		t.Errorf("%q with a mark, %q without", a, b)
	}
}

// TestIDsInBrackets: ids are taken as tokenize prints them, too.
func TestIDsInBrackets(t *testing.T) {
	for list, want := range map[string]string{"1,2, 3": "", " [1,2,3] ": "", "[]": "no token ids", "[1,2": `"[1"`,
		"1 2": `"1 2" is not a token id`} {
		ids, err := parseIDs(list)
		if want == "" && (err != nil || len(ids) != 3) ||
			want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, %v; want %q", list, ids, err, want)
		}
	}
}
