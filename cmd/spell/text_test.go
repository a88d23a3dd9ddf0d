package main

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromptSources: a prompt is the same from the command line, a file and standard input,
// whatever its length.
func TestPromptSources(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	ask := func(stdin string, args ...string) outcome {
		flags := []string{"generate", "--model", f.dir, "--max-tokens", "5", "--temperature", "0", "--json"}
		return spell(t, stdin, append(flags, args...)...)
	}
	want := ask("", "--prompt", "The ferry\nleaves").out
	for name, text := range map[string]string{
		"plain": "The ferry\nleaves", "newline": "The ferry\nleaves\n", "windows": "\ufeffThe ferry\nleaves\r\n",
	} {
		file := write(t, filepath.Join(dir, name), text)
		for _, o := range []outcome{ask("", "--file", file), ask(text, "--file", "-"), ask(text, "--prompt", "-")} {
			if o.code != 0 || o.out != want {
				t.Errorf("%s: %+v, want %s", name, o, want)
			}
		}
	}
	two := write(t, filepath.Join(dir, "two"), "The ferry\nleaves\n\n")
	if o := ask("", "--file", two); o.out == want {
		t.Error("a newline too many was left out")
	}
	long := write(t, filepath.Join(dir, "long"), strings.Repeat(prose, 2000))
	ask("", "--file", long).fails(t, "the prompt has", "context is 96")
	none := filepath.Join(dir, "none")
	ask("", "--file", none).fails(t, none)
	ask("", "--file", dir).fails(t, dir)
	ask("", "--file", write(t, filepath.Join(dir, "empty"), "\n")).fails(t, "empty", "no text")
	ask("", "--prompt", "-").fails(t, "standard input", "no text")
	ask("", "--prompt", "").fails(t, "--prompt", "no text")
	ask("", "--prompt", "a", "--file", two).fails(t, "--prompt", "--file", "--ids")
	latin := write(t, filepath.Join(dir, "latin"), "caf\xe9 noir")
	ask("", "--file", latin).fails(t, latin, "not UTF-8", "byte 4 is 0xe9")
	ask("caf\xe9", "--prompt", "-").fails(t, "standard input", "not UTF-8")
}

// TestAnswersApart: several answers are told apart in text, and the token that ends one is not
// printed.
func TestAnswersApart(t *testing.T) {
	f := newFixture(t)
	ask := func(n int, more ...string) string {
		flags := []string{"generate", "--model", f.dir, "--prompt", "The", "--max-tokens", "6", "--n", fmt.Sprint(n)}
		return succeed(t, "", append(flags, more...)...)
	}
	if s := ask(1); strings.Contains(s, "---") {
		t.Errorf("%q", s)
	}
	list := decode[[]generated](t, ask(2, "--json"))
	if s, want := ask(2), fmt.Sprintf("--- 1/2\n%s\n--- 2/2\n%s\n", list[0].Text, list[1].Text); s != want {
		t.Errorf("%q, want %q", s, want)
	}
	// A model that ends where it first said something ends the text before it.
	greedy := decode[[]generated](t, ask(1, "--json", "--temperature", "0"))[0]
	config := filepath.Join(f.dir, "config.json")
	raw := string(read(t, config))
	end := regexp.MustCompile(`"eos_token_id": [^,\n]*`)
	stop := fmt.Sprintf(`"eos_token_id": %d`, greedy.IDs[0])
	if edited := end.ReplaceAllString(raw, stop); edited != raw {
		raw = edited
	} else {
		raw = strings.Replace(raw, "{", "{"+stop+",", 1)
	}
	write(t, config, raw)
	a := decode[[]generated](t, ask(1, "--json", "--temperature", "0"))[0]
	if a.Finish != "stop" || len(a.IDs) != 1 || a.Text != "" {
		t.Errorf("%+v", a)
	}
	if s := ask(1, "--temperature", "0"); s != "\n" {
		t.Errorf("%q", s)
	}
}

// TestScoreSources: a text is scored as its ids are, from wherever either comes.
func TestScoreSources(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	score := func(stdin string, args ...string) outcome {
		return spell(t, stdin, append([]string{"score", "--model", f.dir, "--json"}, args...)...)
	}
	ids := succeed(t, "", "tokenize", "--model", f.dir, "--text", "The ferry")
	want := score(ids, "--ids", "-")
	if n := len(decode[golden](t, want.out).LogProb); want.code != 0 || n == 0 {
		t.Fatalf("%+v", want)
	}
	object := `{"ids": ` + strings.TrimSpace(ids) + `}`
	text := write(t, filepath.Join(dir, "text"), "The ferry\n")
	for _, o := range []outcome{
		score("", "--ids", write(t, filepath.Join(dir, "array"), ids)),
		score("", "--ids", write(t, filepath.Join(dir, "object"), object)),
		score(object, "--ids", "-"),
		score("", "--text", "The ferry"),
		score("", "--file", text),
		score("The ferry\n", "--file", "-"),
		score("The ferry", "--text", "-"),
	} {
		if o != want {
			t.Errorf("%+v, want %+v", o, want)
		}
	}
	plain := succeed(t, "", "score", "--model", f.dir, "--text", "The ferry")
	line := regexp.MustCompile(`(?m)^1\t\d+\t-\d+\.\d{6}\t"`)
	if !line.MatchString(plain) || !strings.Contains(plain, "tokens scored, log-probability -") {
		t.Errorf("%q", plain)
	}
	score("[1]\n[2]", "--ids", "-").fails(t, "standard input", "once")
	score("[1.5]", "--ids", "-").fails(t, "standard input", "1.5")
	score("[]", "--ids", "-").fails(t, "standard input", "no ids")
	score("caf\xe9", "--text", "-").fails(t, "standard input", "not UTF-8")
	score("", "--text", "a", "--ids", f.ids).fails(t, "--text", "--file", "--ids")
	score("").fails(t, "--text", "--file", "--ids")
}

// TestInfiniteLogProbs: what JSON has no number for is null, and is printed as it is.
func TestInfiniteLogProbs(t *testing.T) {
	inf := float32(math.Inf(-1))
	for _, c := range []struct {
		list logProbs
		json string
		text string
	}{
		{logProbs{-1.5, -0.25}, "[-1.5,-0.25]", "1\t8\t-1.500000\n2\t9\t-0.250000\n2 tokens scored, log-probability -1.7500, perplexity 2.3989\n"},
		{logProbs{inf, -0.1}, "[null,-0.1]", "1\t8\t-Inf\n2\t9\t-0.100000\n2 tokens scored, log-probability -Inf, perplexity +Inf\n"},
		{logProbs{}, "[]", "0 tokens scored, log-probability 0.0000, perplexity NaN\n"},
	} {
		raw, err := c.list.MarshalJSON()
		if err != nil || string(raw) != c.json {
			t.Errorf("%s, %v; want %s", raw, err, c.json)
		}
		var b strings.Builder
		if err := (&scoring{LogProb: c.list}).print(&b, []int32{7, 8, 9}, nil); err != nil || b.String() != c.text {
			t.Errorf("%q, want %q", b.String(), c.text)
		}
	}
}

// TestTokenizeBytes: text comes through byte for byte, or an error names what cannot.
func TestTokenizeBytes(t *testing.T) {
	f := newFixture(t)
	tok := func(stdin string, flags ...string) outcome {
		return spell(t, stdin, append([]string{"tokenize", "--model", f.dir}, flags...)...)
	}
	for _, c := range []struct{ json, text string }{
		{`"The ferry"`, "The ferry"}, {`""`, ""}, {"\"\xff\"", "\xff"}, {"\"a\xe2\x82b\"", "a\xe2\x82b"}, {`"\ud83d\ude00"`, "😀"},
		{`"\u00e9\n\t\"\\\/\b\f\r"`, "é\n\t\"\\/\b\f\r"}, {`"\u0000"`, "\x00"}, {`"\\ud83d"`, `\ud83d`}, {`"\ufffd"`, "\ufffd"},
	} {
		a, b := tok(c.json), tok("", "--text", c.text)
		if strings.Contains(c.text, "\x00") { // no argument can hold it
			b = tok(c.text, "--raw")
		}
		if a.code != 0 || b.code != 0 || a.out != b.out {
			t.Errorf("%q is %+v, and the text %q %+v", c.json, a, c.text, b)
		}
		shown := strings.ToValidUTF8(c.text, "\ufffd") // as other programs decode
		if back := tok(a.out, "--decode", "--raw"); back.code != 0 || back.out != shown+"\n" {
			t.Errorf("%q came back as %+v", c.text, back)
		}
	}
	halves := []string{`"\ud83d"`, `"a\ud83d b"`, `"\ude00"`, `"\ud83d\u0041"`, `"\ude00\ud83d"`, `"\uD83D\n"`}
	for _, half := range halves {
		unit := regexp.MustCompile(`\\u[dD][89a-fA-F]..`).FindString(half)
		tok("\"fine\"\n"+half).fails(t, "value 2", unit, "half a surrogate pair")
	}
	want := tok("", "--text", "The ferry").out + "[]\n" + tok("", "--text", "\xffx").out
	if o := tok("The ferry\r\n\n\xffx", "--raw"); o.code != 0 || o.out != want {
		t.Errorf("lines: %+v, want %s", o, want)
	}
	tok("5").fails(t, "value 1", "string", "--raw")
	spell(t, "", "tokenize", "--model", f.dir, "--raw", "--text", "a").fails(t, "raw", "text")
}
