package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDryRun: a dry run lists the files and makes nothing.
func TestDryRun(t *testing.T) {
	docs, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"a.txt", "b.txt", "c.md", "d.bin"} {
		write(t, filepath.Join(docs, name), strings.Repeat("The "+name+" is about ferries. ", 30))
	}
	o := spell(t, "", "train", "--docs", docs, "--eval", "8", "--out", out, "--workers", "1", "--dry-run")
	if o.code != 0 {
		t.Fatalf("exit code %d, %q", o.code, o.stderr)
	}
	for _, s := range []string{"a.txt", "c.md", "d.bin", "fit a prompt", "too few to keep 0.2 of them out", "tokens",
		"it fits", "the run", "disk", "gradients"} {
		if !strings.Contains(o.out, s) {
			t.Errorf("no %q in\n%s", s, o.out)
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was made: %v", out, err)
	}
	resumed := spell(t, "", "train", "--resume", "--out", out, "--dry-run")
	resumed.fails(t, "--dry-run", "leave out --resume to see", "or leave them out to go on")
	spell(t, "", "train", "--preset", "night").fails(t, "--preset is", "embedded, documents, quick, laptop or paper")
}

// TestSizedRun: a run that is sized says to what, repeats from its settings file, and is not sized
// again when it goes on.
func TestSizedRun(t *testing.T) {
	dir, args := chainRun(t)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	o := spell(t, "", args(a, "--workers", "1", "--hours", "1", "--steps", "1")...)
	if o.code != 0 || !strings.Contains(o.out, "preset laptop for 60 min: ") ||
		!strings.Contains(o.out, "1 step of about ") {
		t.Fatalf("exit code %d, %q\n%s", o.code, o.stderr, o.out)
	}
	same := filepath.Join(a, "settings.yaml")
	succeed(t, "", args(b, "--workers", "1", "--quiet", "--steps", "1", "--config", same)...)
	sameFiles(t, a, b, "settings.yaml", "transcript.jsonl", "metrics.jsonl", "step-000001/model.safetensors")
	succeed(t, "", args(a, "--workers", "1", "--quiet", "--hours", "0.0001", "--steps", "2", "--resume")...)
	succeed(t, "", args(b, "--workers", "1", "--quiet", "--steps", "2", "--resume")...)
	sameFiles(t, a, b, "settings.yaml", "transcript.jsonl", "step-000002/model.safetensors",
		"step-000002/training/state.json")
}
