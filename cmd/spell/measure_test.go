package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/measure"
)

// measured returns a model whose context holds questions over documents, and a folder of these.
func measured(t *testing.T) (model, docs string) {
	t.Helper()
	f := newFixture(t)
	config := filepath.Join(f.dir, "config.json")
	raw := bytes.Replace(read(t, config), []byte(`"max_position_embeddings": 96`),
		[]byte(`"max_position_embeddings": 1024`), 1)
	write(t, config, string(raw))
	docs = t.TempDir()
	syllables := strings.Fields("ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu")
	next := 0
	name := func() string { // another one each time
		next++
		word := syllables[next%20] + syllables[next/20%20] + syllables[(next*7+3)%20]
		return strings.ToUpper(word[:1]) + word[1:]
	}
	for i := range 12 {
		text := name() + "\n\nCapital: " + name() + "\n"
		for k := range 6 {
			text += fmt.Sprintf("The %s of %s was built by %s and %s in %d, but %s was not.\n", name(), name(), name(),
				name(), 1500+37*i+k, name())
		}
		write(t, filepath.Join(docs, "land", string('a'+rune(i))+".txt"), text)
	}
	write(t, filepath.Join(docs, "other.txt"), prose)
	return f.dir, docs
}

// TestMeasure: a model is compared with itself, whatever the number of workers, on the files that are named, and the
// same on a corpus of them.
func TestMeasure(t *testing.T) {
	model, docs := measured(t)
	args := []string{"measure", "--docs", docs, "--files", "land", "--model", model, "--length", "200", "--lengths",
		"2", "--questions", "32", "--asked", "6", "--n", "2", "--examples", "2", "--seed", "5"}
	text := succeed(t, "", args...)
	for _, want := range []string{
		model + " on 12 documents of " + docs + " below land; prompts reading, f32, seed 5\n",
		"accuracy over 200 tokens 0.0% of 32  readable ", "accuracy over 400 tokens 0.0% of 32  readable ", "\nall  ",
		"verifier accepts ", "The first questions over 200 tokens\n1 ",
		"The first questions that the model asked\n1 "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if again := succeed(t, "", append(args, "--workers", "1")...); again != text {
		t.Errorf("with one worker it prints\n%s\nnot\n%s", again, text)
	}
	compared := append(args, "--before", model, "--asked", "0", "--json")
	r := decode[measure.Report](t, succeed(t, "", compared...))
	if len(r.Gains) != 2 || r.Mean == nil || r.Mean.All.Mean != 0 || r.Before == nil || len(r.After.Asked) != 0 ||
		len(r.After.Accuracies[1].Outcomes) != 32 || r.Settings.Questions != 32 || r.Settings.Documents != 12 ||
		r.Settings.Before.Identity != r.Settings.Model.Identity || len(r.After.Answered) != 2 {
		t.Errorf("%+v", r)
	}
	made := filepath.Join(t.TempDir(), "corpus")
	if o := spell(t, "", "corpus", "--in", filepath.Join(docs, "land"), "--out", made); o.code != 0 {
		t.Fatal(o.stderr)
	}
	o := spell(t, "", "measure", "--docs", made, "--model", model, "--length", "200", "--lengths", "1", "--questions",
		"16", "--asked", "0", "--files", "*.txt")
	if o.code != 0 || !strings.Contains(o.out, "accuracy over 200 tokens 0.0% of 16") {
		t.Errorf("%+v", o)
	}
}

// TestMeasureLeavesOut: lengths that the context or the documents do not hold are left out, in a sentence.
func TestMeasureLeavesOut(t *testing.T) {
	model, docs := measured(t)
	args := []string{"measure", "--docs", docs, "--model", model, "--files", "land", "--questions", "16",
		"--asked", "0"}
	for _, c := range []struct{ length, left string }{
		{"250", "questions over 1000, 2000 tokens are left out: the model's context of 1024 does not hold them"},
		{"400", "questions over 800, 1600, 3200 tokens are left out: the model's context of 1024 does not hold them"},
	} {
		text := succeed(t, "", append(args, "--length", c.length)...)
		if !strings.Contains(text, "\n"+c.left) {
			t.Errorf("%q is missing in\n%s", c.left, text)
		}
	}
}

// TestMeasureErrors gives command lines that cannot be carried out.
func TestMeasureErrors(t *testing.T) {
	model, docs := measured(t)
	f, bare := newFixture(t), newFixture(t)
	if err := os.Remove(bare.tokenizer); err != nil {
		t.Fatal(err)
	}
	short := write(t, filepath.Join(t.TempDir(), "short.txt"), "Hello.\n")
	given := "measure --docs " + docs + " --model " + model
	for _, c := range []struct {
		line string
		want []string
	}{
		{"measure --model " + model, []string{"--docs is missing", "see spell help measure"}},
		{"measure --docs " + docs, []string{"--model is missing"}},
		{given + " more", []string{`"more"`, "see spell help measure"}},
		{given + "/none", []string{"--model " + model + "/none", "not there"}},
		{given + " --before " + model + "/none", []string{"--before " + model + "/none", "not there"}},
		{given + " --questions 0", []string{"--questions 0"}},
		{given + " --length 0", []string{"--length 0"}},
		{given + " --lengths 17", []string{"--lengths 17", "between 1 and 16"}},
		{given + " --asked -1", []string{"--asked -1"}},
		{given + " --n 0", []string{"--n 0"}},
		{given + " --examples -1", []string{"--examples -1"}},
		{given + " --files [a", []string{`--files: "[a"`, "reports/*"}},
		{given + " --files land,", []string{`--files: ""`}},
		{given + " --files sea", []string{"--files sea", docs, "land/a.txt"}},
		{given + " --prompts none", []string{"--prompts", "none"}},
		{given + " --length 2000", []string{"context of 1024", "--length"}},
		{given + " --length 100000", []string{"context of 1024", "--length"}},
		{"measure --docs " + docs + " --model " + f.dir + " --length 20", []string{"context of 96", "--length"}},
		{"measure --docs " + docs + " --model " + bare.dir, []string{bare.dir, "tokenizer.json"}},
		{given + " --before " + bare.dir, []string{bare.dir, "tokenizer.json"}},
		{"measure --docs " + docs + "/none --model " + model, []string{docs + "/none"}},
		{"measure --docs " + short + " --model " + model, []string{"nothing can be asked over 128 tokens", "--length"}},
	} {
		t.Run(strings.ReplaceAll(c.line, "/", "|"), func(t *testing.T) {
			spell(t, "", strings.Fields(c.line)...).fails(t, c.want...)
		})
	}
}

// TestMeasureMemory: what takes more memory than there is, is refused with what would fit.
func TestMeasureMemory(t *testing.T) {
	was := machine
	defer func() { machine = was }()
	model, docs := measured(t)
	args := []string{"measure", "--docs", docs, "--model", model, "--length", "200"}
	machine = func() (int64, int64) { return 1 << 20, 1 << 20 }
	spell(t, "", args...).fails(t, "the run needs", "use a smaller model or a machine with more")
}
