package filter

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	words := strings.Repeat("the ferry leaves the harbour at nine. ", 10)
	for _, c := range []struct{ name, text, cause string }{
		{"prose", words, ""},
		{"a table", strings.Repeat("wheat 1,204 1,310 tonnes\n", 1) + words, ""},
		{"Chinese", strings.Repeat("他说你好我笑了天黑了", 20), ""},
		{"short", "the ferry", Short},
		{"few words", strings.Repeat("harbourmaster ", 10), Short},
		{"figures", strings.Repeat("12 34 56 ", 50), Letters},
		{"no blanks", strings.Repeat(strings.Repeat("x", 30)+" ", 30), Words},
		{"tags", strings.Repeat("#ferry # • ", 50), Symbols},
		{"the same line", strings.Repeat("the ferry leaves the harbour\n", 20), Repeated},
		{"long", strings.Repeat(words, 20), Long},
	} {
		config := Default()
		config.MaxChars = 5000
		cause, figure := config.Check(c.text)
		if cause != c.cause || (figure == "") != (cause == "") {
			t.Errorf("%s: %q, %q, want %q", c.name, cause, figure, c.cause)
		}
	}
	if cause, _ := (&Config{}).Check(""); cause != "" {
		t.Errorf("limits of 0 leave %q out", cause)
	}
}

// TestBenchmarks: a run of 13 words is found wherever it stands and however it is set, and 12 are not.
func TestBenchmarks(t *testing.T) {
	const question = "which of the two ships that left the harbour in May carried the barley home"
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json":   `{"data": [{"deep": ["` + question + `"], "short": "carried the barley"}]}`,
		"b.jsonl":  "{\"q\": \"one two three four five six seven eight nine ten eleven twelve thirteen\"}\n{\"q\": 1}\n",
		"c.txt":    strings.ToUpper(question),
		"cut.json": `{"a": "` + question + `"`,
		"few.json": `["too few words"]`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	read := func(names ...string) (*Benchmarks, error) {
		var paths []string
		for _, n := range names {
			paths = append(paths, filepath.Join(dir, n))
		}
		return ReadBenchmarks(context.Background(), paths, 13)
	}
	b, err := read("a.json", "b.jsonl", "c.txt")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(question)
	for _, c := range []struct {
		text string
		want Found
	}{
		{"He asked, " + strings.ReplaceAll(strings.ToUpper(question), " ", ", ") + "?", Found{"a.json", len(words) - 12}},
		{strings.Join(words[2:], " "), Found{"a.json", 1}},
		{strings.Join(words[3:], " "), Found{}},
		{"Zero one two three four five six seven eight nine ten eleven twelve thirteen", Found{"b.jsonl", 1}},
		{"", Found{}},
	} {
		if got := b.Find(c.text); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
	for name, want := range map[string]string{"cut.json": "it is no JSON", "few.json": "no text of 13 words",
		"no.json": "no.json"} {
		if _, err := read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
