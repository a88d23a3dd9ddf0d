package budget_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"spell/rl/budget"
	"spell/rl/corpus/folder"
	"spell/tokenizer"
)

// data returns a folder of the shared data, or skips.
func data(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("SPELL_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("there is no %s; SPELL_DATA names the folder of shared data", path)
	}
	return path
}

// TestProgram: the estimate of what lies outside of arenas holds the tokenizer and the documents while
// they are read, and is no more than a few times that.
func TestProgram(t *testing.T) {
	held := func(load func() any) int {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		v := load()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(v)
		return int(after.HeapAlloc) - int(before.HeapAlloc)
	}
	none := budget.Program(0, 0).Bytes
	check := func(name string, held, estimate int) {
		t.Helper()
		t.Logf("%s: %s held, %s estimated", name, budget.Bytes(int64(held)), budget.Bytes(int64(estimate)))
		if 2*held > none/2+estimate || estimate > 16*held+none/4 { // the collector waits for twice of what is held
			t.Errorf("%s: %d bytes held, %d estimated beside %d", name, held, estimate, none)
		}
	}
	for _, name := range []string{"gpt2", "llama3_1", "qwen3"} {
		path := data(t, filepath.Join("tokenizers", name, "tokenizer.json"))
		vocab := 0
		n := held(func() any {
			tok, err := tokenizer.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			vocab = tok.VocabSize()
			return tok
		})
		check(name, n, budget.Program(vocab, 0).Bytes-none)
	}
	for _, name := range []string{"sotu", "classics"} {
		var chars int64
		n := held(func() any {
			c, _, err := folder.Read(context.Background(), data(t, filepath.Join("docs", name)), folder.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range c.Clusters {
				for _, d := range k.Docs {
					chars += int64(len(d.Text))
				}
			}
			return c
		})
		check(name, n, budget.Program(0, chars).Bytes-none)
	}
}
