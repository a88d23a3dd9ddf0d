//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpus: raw files become a corpus with one command, which train reads.
func TestCorpus(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for i := range 16 {
		text := prose
		if i%2 == 0 {
			text = moor
		}
		var b strings.Builder
		for j := range 12 {
			fmt.Fprintf(&b, "%s Number %d of document %d.\n", text, j*i, i)
		}
		write(t, filepath.Join(in, fmt.Sprint(i, ".txt")), b.String())
	}
	write(t, filepath.Join(in, "short.md"), "# Title")
	write(t, filepath.Join(in, "bench.png"), "\x89PNG")
	args := []string{"corpus", "--in", in, "--out", out, "--set", "max_repeated_lines=0", "--quiet"}
	spell(t, "", args[:3]...).fails(t, "--out is missing")
	spell(t, "", "corpus", "--out", out).fails(t, "--in is missing")
	spell(t, "", append(args, "--set", "doc_char=3")...).fails(t, "doc_char")
	spell(t, "", append(args, "--set", "target=40")...).fails(t, "target is 40")
	spell(t, "", "corpus", "--in", in, "--out", in).fails(t, in, "name a new or an empty folder")

	said := succeed(t, "", args...)
	for _, want := range []string{"16 files read, 16 documents", "1 document too short", "1 file other format",
		"report.txt"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	before := files(t, out)
	if again := succeed(t, "", args...); !strings.Contains(again, "is finished already, and nothing was done") ||
		!strings.HasSuffix(again, said) {
		t.Errorf("a second time it says\n%s", again)
	}
	if after := files(t, out); len(after) != len(before) {
		t.Errorf("a second time there are %d files, not %d", len(after), len(before))
	}
	nano := newFixture(t)
	spell(t, "", append(args, "--model", nano.dir)...).fails(t, "a corpus of vectors of words", nano.dir,
		"another --out")
	spell(t, "", append(args, "--model", in)...).fails(t, in, "config.json")
	byModel := []string{"corpus", "--in", in, "--out", out + "2", "--set", "max_repeated_lines=0", "--quiet", "--model",
		nano.dir}
	if by := succeed(t, "", byModel...); !strings.HasPrefix(by, said[:strings.LastIndex(said, "\n16")]) {
		t.Errorf("with vectors of a model it says\n%s\nnot\n%s", by, said)
	}
	if begun := string(read(t, filepath.Join(out+"2", "corpus.json"))); !strings.Contains(begun, `"precision": "f32"`) {
		t.Errorf("it began as\n%s", begun)
	}
	spell(t, "", append(args, "--set", "doc_chars=500")...).fails(t, "other settings, doc_chars 4000", "another --out")
	if p := succeed(t, "", "corpus", "--print-config"); !strings.Contains(p, "min_letters: 0.4") {
		t.Errorf("the settings are\n%s", p)
	}
	if testing.Short() {
		return
	}
	base := succeed(t, "", "pretrain", "--docs", out, "--out", filepath.Join(dir, "base"), "--dry-run", "--quiet")
	if !strings.Contains(base, "16 texts of ") {
		t.Errorf("pretrain says\n%s", base)
	}
	plan := succeed(t, "", "train", "--docs", out, "--out", filepath.Join(dir, "run"), "--dry-run", "--quiet")
	if !strings.Contains(plan, "in 1 cluster") && !strings.Contains(plan, "clusters fit a prompt") {
		t.Errorf("train says\n%s", plan)
	}
}
