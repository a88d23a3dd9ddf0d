package nano_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/model/hf"
	"spell/model/nano"
	"spell/tokenizer"
)

// TestNamed: which paths name a base, which are another model's, and which are mistaken for one.
func TestNamed(t *testing.T) {
	for path, want := range map[string]struct {
		name string
		ok   bool
		bad  bool
	}{
		"":                 {nano.World, true, false},
		"embedded:world":   {nano.World, true, false},
		"embedded:text":    {nano.Text, true, false},
		"embedded:":        {bad: true},
		"embedded:Text":    {bad: true},
		"embedded:text/":   {bad: true},
		"embedded:../text": {bad: true},
		"text":             {},
		"world":            {},
		"./embedded:text":  {},
		"path/to/model":    {},
	} {
		name, ok := nano.Named(path)
		err := nano.Check(path)
		if name != want.name || ok != want.ok || (err != nil) != want.bad {
			t.Errorf("%q is the base %q, %v, %v", path, name, ok, err)
		}
		for _, name := range nano.Names() {
			if err != nil && !strings.Contains(err.Error(), nano.Path(name)) {
				t.Errorf("%q: %v does not list %s", path, err, name)
			}
		}
	}
	if err := nano.Extract("../nano", t.TempDir()); err == nil {
		t.Error("a base is extracted that there is none of")
	}
}

// TestExtract: a base is a Hugging Face directory whose tokenizer fits, and small enough to embed without it.
func TestExtract(t *testing.T) {
	for name, most := range map[string]int64{nano.World: 8 << 20, nano.Text: 16 << 20} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "base")
			if err := nano.Extract(name, dir); err != nil {
				t.Fatal(err)
			}
			b, err := cpu.New(cpu.Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			w, err := hf.Load(b, dir, model.BF16, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Free()
			tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			if tok.VocabSize() != w.Vocab || len(w.EOS) != 1 {
				t.Errorf("%d tokens for a vocabulary of %d, ends %v", tok.VocabSize(), w.Vocab, w.EOS)
			}
			size := int64(0)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					t.Fatal(err)
				}
				if e.Name() != "tokenizer.json" {
					size += info.Size()
				}
			}
			if size > most {
				t.Errorf("the base takes %d bytes without its tokenizer, more than %d", size, most)
			}
		})
	}
}
