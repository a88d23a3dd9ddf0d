package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/model/hf"
	"spell/tensor"
	"spell/tokenizer"
)

// An outcome is what one command line did.
type outcome struct {
	code        int
	out, stderr string
}

// spell runs a command line in this process, with stdin as its standard input.
func spell(t testing.TB, stdin string, args ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	stream := func(name, text string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		return f
	}
	was := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	now := [3]*os.File{stream("in", stdin), stream("out", ""), stream("err", "")}
	os.Stdin, os.Stdout, os.Stderr = now[0], now[1], now[2]
	defer func() {
		os.Stdin, os.Stdout, os.Stderr = was[0], was[1], was[2]
		for _, f := range now {
			f.Close()
		}
	}()
	o := outcome{code: run(args)}
	for i, s := range []*string{&o.out, &o.stderr} {
		raw, err := os.ReadFile(now[i+1].Name())
		if err != nil {
			t.Fatal(err)
		}
		*s = string(raw)
	}
	return o
}

// succeed runs a command line that must exit with 0 and say nothing on standard error.
func succeed(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	o := spell(t, stdin, args...)
	if o.code != 0 || o.stderr != "" {
		t.Fatalf("spell %s: exit code %d, %q", strings.Join(args, " "), o.code, o.stderr)
	}
	return o.out
}

// fails wants exit code 1 and one line on standard error that holds every one of want.
func (o outcome) fails(t testing.TB, want ...string) {
	t.Helper()
	o.ends(t, exitError, want...)
}

// ends checks what fails does, with another exit code.
func (o outcome) ends(t testing.TB, code int, want ...string) {
	t.Helper()
	line, rest, ended := strings.Cut(o.stderr, "\n")
	if o.code != code || !ended || rest != "" || !strings.HasPrefix(line, "spell: ") {
		t.Fatalf("exit code %d and %q on standard error, want %d and one line", o.code, o.stderr, code)
	}
	for _, s := range want {
		if !strings.Contains(line, s) {
			t.Errorf("%q lacks %q", line, s)
		}
	}
	if strings.ContainsAny(line, "\x00\r") || len(line) > 700 {
		t.Errorf("the line is not fit to read: %q", line)
	}
}

// endToken is the special token that ends an answer of the models here.
const endToken = "<|end|>"

const moor = "Granite lies beneath the northern moor; sheep graze on it from May until the first snow. "

const prose = "The ferry to Norrhaven leaves at nine. The harbour master, a tall woman, counts the passengers twice " +
	"and writes the number into a green book. In winter the ferry does not run on Sundays. "

// vocab is the size of the fixture's vocabulary.
const vocab = 270

// testModel is a model directory of random weights, with a tokenizer, and a file of ids.
type testModel struct {
	dir, tokenizer, weights, ids string
}

// learned returns a tokenizer that was learned from a text, of at most vocab tokens with endToken.
func learned(t testing.TB, text string, vocab int) *tokenizer.Tokenizer {
	t.Helper()
	options := tokenizer.TrainOptions{VocabSize: vocab, Special: []string{endToken}, Pattern: tokenizer.GPT2}
	tok, err := tokenizer.Train(slices.Values([]string{text}), options)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func newFixture(t testing.TB) testModel {
	t.Helper()
	tok := learned(t, prose, vocab)
	if tok.VocabSize() != vocab {
		t.Fatalf("a vocabulary of %d", tok.VocabSize())
	}
	dir := filepath.Join(t.TempDir(), "model")
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w, err := model.NewWeights(b, model.Config{
		Family: "llama", Vocab: vocab, Hidden: 32, FF: 48, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		NormEps: 1e-6, Context: 96, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1,
	}, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	w.Initialize(b, 1, model.Init{Embedding: 1, Matrix: 1, Residual: 1})
	if err := hf.Save(b, w, dir, tensor.F32); err != nil {
		t.Fatal(err)
	}
	f := testModel{
		dir:       dir,
		tokenizer: filepath.Join(dir, "tokenizer.json"),
		weights:   filepath.Join(dir, "model.safetensors"),
	}
	if err := tok.WriteFile(f.tokenizer); err != nil {
		t.Fatal(err)
	}
	f.ids = write(t, filepath.Join(t.TempDir(), "ids.json"), `{"ids": [1, 2, 3]}`)
	return f
}

// write makes a file and the folders above it.
func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
