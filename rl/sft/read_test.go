package sft

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/rl/internal/textcase"
	"spell/rl/jsonl"
)

// file writes and reads a file of lines.
func file(t testing.TB, lines ...string) *File {
	t.Helper()
	f, err := Read(t.Context(), write(t, strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// spelled writes lines as text. Replies that are learned have a star, and lines that need no
// template are plain.
func spelled(f *File) string {
	var b strings.Builder
	for _, l := range f.Lines {
		fmt.Fprintf(&b, "%s %d", f.Unit, l.Number)
		if l.needs == "" {
			b.WriteString(", plain")
		}
		b.WriteByte('\n')
		for i, t := range l.Turns {
			star := ""
			if slices.Contains(l.Learned, i) {
				star = "*"
			}
			fmt.Fprintf(&b, "  %s%s %q\n", t.Role, star, t.Content)
		}
	}
	return b.String()
}

// TestRead: every file in testdata/read gives the lines, or the error, in testdata/want. To add a
// case, add a file and run go test -update.
func TestRead(t *testing.T) {
	paths, err := filepath.Glob("testdata/read/*")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		f, err := Read(t.Context(), path)
		var got string
		if name := filepath.Base(path); strings.HasPrefix(name, "bad_") != (err != nil) {
			t.Errorf("%s gives the error %v", path, err)
		} else if err != nil {
			got = err.Error() + "\n"
			if !strings.HasPrefix(got, path) {
				t.Errorf("%s is not named: %s", path, got)
			}
		} else {
			got = spelled(f)
		}
		textcase.Golden(t, filepath.Join("testdata/want", filepath.Base(path)+".txt"), got)
	}
	if _, err := Read(t.Context(), "testdata/none.jsonl"); err == nil || !strings.Contains(err.Error(), "none.jsonl") {
		t.Errorf("a file that is not there gives %v", err)
	}
}

// TestBadLines: every line of testdata/bad.txt is refused with the sentence below it and the number
// of the line.
func TestBadLines(t *testing.T) {
	const path, good = "testdata/bad.txt", `{"prompt": "a", "answer": "b"}`
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		if strings.HasPrefix(block, "#") {
			got = append(got, block)
			continue
		}
		line, _, ok := strings.Cut(block, "\n----")
		if !ok {
			t.Fatalf("%s: no ---- behind %s", path, block)
		}
		at := write(t, good+"\n\n"+line+"\n"+good)
		_, err := Read(t.Context(), at)
		if err == nil {
			t.Errorf("%s is read", line)
			continue
		}
		say, ok := strings.CutPrefix(err.Error(), at+", line 3: ")
		if !ok {
			t.Errorf("%s: %v does not name the line", line, err)
		}
		got = append(got, line+"\n----\n"+say)
	}
	textcase.Golden(t, path, strings.Join(got, "\n\n")+"\n")
}

// TestSum: two files are the same if their bytes are.
func TestSum(t *testing.T) {
	a, b := file(t, pair("a", "b")), file(t, pair("a", "b"))
	if c := file(t, pair("a", "c")); a.sum != b.sum || a.sum == c.sum {
		t.Error("the sum is not one of the bytes")
	}
}

// FuzzRecognise: a line is refused or has replies to learn, none of them empty.
func FuzzRecognise(f *testing.F) {
	paths, err := filepath.Glob("testdata/read/*.jsonl")
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, path := range append(paths, "testdata/bad.txt") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := jsonl.Parse(text)
		if err != nil {
			return
		}
		l, err := recognise(v)
		if err != nil {
			return
		}
		if len(l.Learned) == 0 || !slices.IsSorted(l.Learned) {
			t.Errorf("%s: %v is learned", text, l.Learned)
		}
		for _, i := range l.Learned {
			if m := l.Turns[i]; i == 0 || m.Role != "assistant" || m.Content == "" {
				t.Errorf("%s: turn %d is learned, %+v", text, i, m)
			}
		}
	})
}
