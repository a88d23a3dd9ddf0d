package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"spell/model/nano"
	"spell/rl/eval"
)

// musique writes a file of short questions in MuSiQue's layout, and a damaged one.
func musique(t *testing.T, questions int) string {
	var b strings.Builder
	for i := range questions {
		fmt.Fprintf(&b, `{"id": "q%d", "question": "Who is %d?", "answer": "Tolan", "answerable": true, "paragraphs": `+
			`[{"title": "Port", "paragraph_text": "%s"}]}`+"\n", i, i, prose[:40+i])
	}
	return write(t, filepath.Join(t.TempDir(), "dev.jsonl"), b.String()+`{"id": "q`+"\n")
}

// TestEval: a run says what it read, cuts documents, goes on where it was cut off to the same bytes, and
// only with the same settings.
func TestEval(t *testing.T) {
	f, data := newFixture(t), musique(t, 5)
	out := filepath.Join(t.TempDir(), "r.jsonl")
	args := []string{"eval", "--model", f.dir, "--bench", "musique", "--data", data, "--out", out, "--prompts",
		"compact", "--n", "3", "--max-input", "48", "--max-tokens", "16", "--seed", "7"}
	first := succeed(t, "", args...)
	for _, want := range []string{"musique", "5 questions  avg@3", "pass@2", "1 record is damaged", data + ", line 6",
		"5 questions with documents cut in the middle"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is missing in\n%s", want, first)
		}
	}
	whole := read(t, out)
	if n := bytes.Count(whole, []byte("\n")); n != 6 || !bytes.Contains(whole, []byte(`"prompt_tokens":48,`)) {
		t.Fatalf("%d lines\n%s", n, whole)
	}
	for _, cut := range []int{0, 30, len(whole) / 3, len(whole) / 2, len(whole) - 1, len(whole)} {
		write(t, out, string(whole[:cut]))
		if again := succeed(t, "", append(args, "--workers", "2")...); again != first {
			t.Errorf("cut at %d it prints\n%s\nwant\n%s", cut, again, first)
		}
		if got := read(t, out); !bytes.Equal(got, whole) {
			t.Errorf("cut at %d the results are\n%s\nwant\n%s", cut, got, whole)
		}
	}
	sum := decode[eval.Summary](t, succeed(t, "", append(args, "--json")...))
	if sum.Settings.Seed != 7 || sum.Bootstrap.Samples == 0 || len(sum.Sets) != 1 || len(sum.Data) != 1 ||
		len(sum.Left) != 1 || len(sum.Sets[0].Pass) != 3 {
		t.Errorf("%+v", sum)
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--n", "2"}, []string{out, "of n 3, and now it is 2", "--out"}},
		{[]string{"--seed", "8"}, []string{"of seed 7, and now it is 8"}},
		{[]string{"--max-input", "40"}, []string{"of max_input 48"}},
		{[]string{"--precision", "bf16"}, []string{"of precision"}},
		{[]string{"--limit", "4"}, []string{"of limit"}},
		{[]string{"--max-input", "90"}, []string{"exceed the model's context of 96", "--max-input"}},
	} {
		spell(t, "", append(args, c.args...)...).fails(t, c.want...)
	}
	other := newFixture(t)
	raw := read(t, other.weights)
	raw[len(raw)-3] ^= 1
	write(t, other.weights, string(raw))
	spell(t, "", append(args, "--model", other.dir)...).fails(t, "of another model")
	if !bytes.Equal(read(t, out), whole) {
		t.Error("a refused run has changed the results")
	}
}

// TestEvalJudge: the judge is asked what the rule does not find right, once, and its verdicts count; the
// model itself may be the judge.
func TestEvalJudge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nano")
	if err := nano.Extract(nano.World, dir); err != nil {
		t.Fatal(err)
	}
	frames := write(t, filepath.Join(t.TempDir(), "frames.json"),
		`[{"Prompt": "what is the mayor of Fenham ?",
		"Answer": "Tolan", "wiki_items": [{"title": "",
		"text": "mayor Fenham Velwick . size Fenham 7 . region Fenham Darland ."}]}]`)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if !bytes.Contains(raw, []byte("Predicted answer: Velwick")) {
			t.Errorf("the judge is asked %s", raw)
		}
		asked.Add(1)
		io.WriteString(w, `{"choices": [{"message": {"content": "[[YES]]"}}]}`)
	}))
	defer server.Close()
	out := filepath.Join(t.TempDir(), "r.jsonl")
	args := []string{"eval", "--model", dir, "--bench", "frames", "--data", frames, "--prompts", "compact", "--n", "4",
		"--max-tokens", "16", "--temperature", "0"}
	judged := append(args, "--judge", server.URL+"/v1", "--judge-model", "m", "--out", out)
	text := succeed(t, "", judged...)
	right := strings.Contains(text, "avg@4 100.0 %") && strings.Contains(text, "by the rule alone 0.0")
	if !right || asked.Load() != 1 {
		t.Errorf("%d requests\n%s", asked.Load(), text)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	if again := succeed(t, "", judged...); again != text || asked.Load() != 1 {
		t.Errorf("from the cache, %d requests\n%s", asked.Load(), again)
	}
	alone := succeed(t, "", append(args, "--out", out+"2")...)
	if !strings.Contains(alone, "avg@4   0.0 %") || !strings.Contains(alone, "readable 100.0") {
		t.Error(alone)
	}
	self := succeed(t, "", append(args, "--judge", "self", "--out", out+"3")...)
	if !strings.Contains(string(read(t, out+"3")), `"judge":"no"`) || !strings.Contains(self, "avg@4   0.0 %") {
		t.Errorf("%s\n%s", self, read(t, out+"3"))
	}
	server.Close()
	if err := os.Remove(out + ".judge"); err != nil {
		t.Fatal(err)
	}
	os.Remove(out)
	o := spell(t, "", append(judged, "--judge-retries", "0", "--quiet")...)
	o.fails(t, "the judge at "+server.URL, "the same command goes on")
}

// TestEvalGenerated: the embedded base is asked generated questions at the length that was wanted.
func TestEvalGenerated(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nano")
	if err := nano.Extract(nano.World, dir); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "r.jsonl")
	text := succeed(t, "", "eval", "--model", dir, "--bench", "ruler-needle,ruler-aggregation", "--length", "900",
		"--limit", "2", "--n", "2", "--max-tokens", "8", "--prompts", "compact", "--out", out)
	if strings.Count(text, "2 questions  avg@2") != 2 || strings.Contains(text, "cut in the middle") {
		t.Error(text)
	}
	for line := range strings.Lines(string(read(t, out))) {
		if strings.HasPrefix(line, `{"set"`) {
			if n := decode[eval.Line](t, line).Tokens; n > 900 || n < 800 {
				t.Errorf("a prompt has %d tokens", n)
			}
		}
	}
}

// TestEvalRefuses: what cannot be asked is refused with what to do.
func TestEvalRefuses(t *testing.T) {
	f, data := newFixture(t), musique(t, 1)
	frames := write(t, filepath.Join(t.TempDir(), "frames.json"),
		`[{"Prompt": "Who?", "Answer": "x", "wiki_links": "[]"}]`)
	for _, c := range []struct {
		line string
		want []string
	}{
		{"--bench squad --data " + data, []string{"--bench", `"squad"`, "ruler-needle"}},
		{"--data " + data, []string{"--bench is missing"}},
		{"--bench musique", []string{"--data is missing"}},
		{"--bench musique --data " + f.ids, []string{"no record of", "no question of musique, but ids"}},
		{"--bench frames --data " + data, []string{"holds questions of musique and none of frames", "--bench"}},
		{"--bench frames --data " + frames, []string{"1 record is without documents", "row 1", "--closed-book"}},
		{"--bench musique --data none.jsonl", []string{"none.jsonl"}},
		{"--bench ruler-needle --data " + data, []string{"is generated; leave out --data"}},
		{"--bench ruler-needle --length 20 --max-tokens 8", []string{"--length is 20; give at least"}},
		{"--bench musique --length 9 --data " + data, []string{"--length is about"}},
		{"--bench musique --n 0 --data " + data, []string{"--n 0", "at least 1"}},
		{"--bench musique --top-p 0 --data " + data, []string{"--top-p 0"}},
		{"--bench musique --judge maybe --data " + data, []string{"--judge-model is missing"}},
		{"--bench musique --judge maybe --judge-model m --data " + data, []string{"--judge maybe is no address"}},
		{"--bench musique --judge-model m --data " + data, []string{"--judge-model is about"}},
		{"--bench musique --out " + data + " --prompts compact --data " + data, []string{data, "is no results file", "--out"}},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		spell(t, "", append([]string{"eval", "--model", f.dir}, strings.Fields(c.line)...)...).fails(t, c.want...)
		if made, _ := filepath.Glob(filepath.Join(dir, "*")); len(made) > 0 {
			t.Errorf("%s: %v is made", c.line, made)
		}
	}
}
