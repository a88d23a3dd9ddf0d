package nano

import (
	"os"
	"path/filepath"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/model/hf"
	"spell/tokenizer"
)

// TestExtract: the base is a Hugging Face directory whose tokenizer fits, small enough to embed.
func TestExtract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "base")
	if err := Extract(dir); err != nil {
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
		size += info.Size()
	}
	if size > 8<<20 {
		t.Errorf("the base takes %d bytes, more than 8 MB", size)
	}
}
