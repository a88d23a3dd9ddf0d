package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A command is a run of spell that takes a few seconds.
type command struct {
	name string
	args []string
}

// write writes the data of the runs into dir and returns their command lines.
func write(dir string) ([]command, error) {
	var answers strings.Builder
	for i, who := range []string{
		"baker", "miller", "mayor", "keeper", "judge", "weaver", "smith", "pilot", "tailor", "singer", "doctor", "carter",
	} {
		fmt.Fprintf(&answers, "{\"prompt\": \"who is the %s of town %d ?\", \"answer\": \" the %s is number %d .\"}\n",
			who, i%5, who, i)
	}
	files := map[string]string{
		"answers.jsonl": answers.String(),
		"sft.yaml":      "checkpoint: 2\nmeasure: 3\n",
		"train.yaml": "{questions: 8, draw: 16, max_rounds: 2, verifier_groups: 4, answers: 4, votes: 4, " +
			"checkpoint: 2, keep: 3}\n",
		"pretrain.yaml": "{vocab: 300, hidden: 64, ff: 96, layers: 2, heads: 4, kv_heads: 2, head_dim: 16, " +
			"context: 256, pass_tokens: 2048, checkpoint: 3, " +
			"stages: [{steps: 12, tokens: 3000}]}\n",
	}
	for i := range 6 {
		name := filepath.Join("docs", fmt.Sprint("file", i, ".txt"))
		files[name] = strings.Repeat(fmt.Sprintf("File %d has a sentence, and number %d follows it. ", i, i*i), 20+i)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return nil, err
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	train := []string{"train", "--steps", "4", "--eval", "8", "--config", at("train.yaml")}
	sft := []string{"sft", "--data", at("answers.jsonl"), "--epochs", "6", "--batch", "3", "--held-out", "0.25",
		"--config", at("sft.yaml")}
	adapters := []string{"--lora", "4", "--base", "int8"}
	return []command{
		{"train", train},
		{"sft", sft},
		{"pretrain", []string{"pretrain", "--docs", at("docs"), "--config", at("pretrain.yaml")}},
		{"train-lora", slices.Concat(train, adapters)},
		{"sft-lora", slices.Concat(sft, adapters)},
	}, nil
}

// compare returns an error unless two folders hold the same files
// with the same bytes, but for the log that depends on the clock.
// A run that was interrupted saves on the way: then of the checkpoints
// the newest alone is compared.
func compare(straight, killed string, interrupted bool) error {
	a, err := contents(straight)
	if err != nil {
		return err
	}
	b, err := contents(killed)
	if err != nil {
		return err
	}
	if interrupted {
		newest := newestCheckpoint(a)
		for _, files := range []map[string][]byte{a, b} {
			maps.DeleteFunc(files, func(name string, _ []byte) bool {
				dir, _, _ := strings.Cut(filepath.ToSlash(name), "/")
				return strings.HasPrefix(dir, "step-") && dir != newest
			})
		}
	}
	var errs []error
	for name, want := range a {
		got, ok := b[name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s is missing", name))
		case !bytes.Equal(got, want):
			linesOf := func(data []byte) int { return bytes.Count(data, []byte("\n")) }
			errs = append(errs, fmt.Errorf("%s differs: %d bytes and %d lines, not %d and %d",
				name, len(got), linesOf(got), len(want), linesOf(want)))
		}
	}
	for name, text := range b {
		if _, ok := a[name]; !ok {
			errs = append(errs, fmt.Errorf("%s is left over", name))
		}
		if err := lines(name, text); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// newestCheckpoint returns the last of the checkpoints that files lie in.
func newestCheckpoint(files map[string][]byte) (newest string) {
	for name := range files {
		if dir, _, _ := strings.Cut(filepath.ToSlash(name), "/"); strings.HasPrefix(dir, "step-") {
			newest = max(newest, dir)
		}
	}
	return newest
}

// contents reads the files below a folder, but for the log that depends on the clock.
func contents(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "clock.jsonl" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	return files, err
}

// lines returns an error if a log has a broken line or the steps of
// metrics.jsonl are not in order, each once.
func lines(name string, text []byte) error {
	if !strings.HasSuffix(name, ".jsonl") {
		return nil
	}
	seen := map[string]bool{}
	for i, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		if !json.Valid(line) {
			return fmt.Errorf("%s, line %d is broken", name, i+1)
		}
		if name == "metrics.jsonl" && seen[string(line)] {
			return fmt.Errorf("%s, line %d is there twice", name, i+1)
		}
		seen[string(line)] = true
	}
	return nil
}
