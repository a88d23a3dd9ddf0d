//go:build !purego && (amd64 || arm64)

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open"
)

var update = flag.Bool("update", false, "rewrite the files of expectations with what is seen")

// goldenRuns lists short runs whose bytes stay what they are. The instruction sets share their bits
// in f32, so one list serves all of them. Whoever changes the method on purpose rewrites the list
// with -update, in a commit that says why.
var goldenRuns = []struct{ name, command string }{
	{"train seed 1", "train --seed 1 --steps 3 --eval 0 --config testdata/golden/train.json"},
	{"train seed 2", "train --seed 2 --steps 3 --eval 0 --config testdata/golden/train.json"},
	{"train seed 3", "train --seed 3 --steps 3 --eval 0 --config testdata/golden/train.json"},
	{"train int8", "train --seed 1 --steps 1 --eval 0 --config testdata/golden/train.json --precision int8"},
	{"sft", "sft --data testdata/golden/answers.jsonl --epochs 2 --batch 3 --held-out 0.25"},
	{"pretrain", "pretrain --config testdata/golden/pretrain.json"},
}

// TestGoldenRuns compares the weights, moments and transcripts of short runs with those recorded.
func TestGoldenRuns(t *testing.T) {
	b, err := open.Backend(open.Options{Name: "cpu"})
	if err != nil {
		t.Fatal(err)
	}
	kernels := b.Name()
	b.Close()
	if strings.Contains(kernels, "generic") {
		t.Skip("plain Go has bits of its own")
	}
	var seen strings.Builder
	for _, g := range goldenRuns {
		out := filepath.Join(t.TempDir(), "run")
		succeed(t, "", append(strings.Fields(g.command), "--out", out, "--quiet")...)
		for _, file := range hashed(t, out) {
			sum := sha256.Sum256(read(t, filepath.Join(out, file)))
			fmt.Fprintf(&seen, "%s: %s %s\n", g.name, file, hex.EncodeToString(sum[:]))
		}
	}
	const path = "testdata/golden/hashes.txt"
	if *update {
		if err := os.WriteFile(path, []byte(seen.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(string(read(t, path)), "\n")
	got := strings.Split(seen.String(), "\n")
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Errorf("line %d of %s is no longer what the runs give:\ngot\n%s\nwant\n%s", i+1, path, seen.String(),
				strings.Join(want, "\n"))
			break
		}
	}
}

// hashed lists the files of a run that golden runs compare: the transcript and what the newest
// checkpoint has learned.
func hashed(t *testing.T, out string) []string {
	t.Helper()
	steps, err := filepath.Glob(filepath.Join(out, "step-*"))
	if err != nil || len(steps) == 0 {
		t.Fatalf("%s holds no checkpoint: %v", out, err)
	}
	newest := filepath.Base(slices.Max(steps))
	files := []string{filepath.Join(newest, "model.safetensors"),
		filepath.Join(newest, "training/optimizer.safetensors")}
	if _, err := os.Stat(filepath.Join(out, "transcript.jsonl")); err == nil {
		files = append(files, "transcript.jsonl")
	}
	return files
}
