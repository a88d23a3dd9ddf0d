package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"spell/model"
)

// A peer is llama.cpp's two benchmarks with a model file and a
// number of threads. A nil one is absent.
type peer struct {
	bench, batched string // paths of the programs, "" where not given
	file           string
	threads        int
}

// newPeer makes the model file in dir, where a program is given that would read it.
func newPeer(o *options, dir string, s shape, p model.Precision) (*peer, error) {
	if o.bench == "" && o.batched == "" {
		return nil, nil
	}
	file := filepath.Join(dir, s.name+"-"+p.Name+".gguf")
	return &peer{bench: o.bench, batched: o.batched, file: file}, ggufFile(file, &s.Config, s.name, ggmlOf(p))
}

// prefill is the tokens a second of a prompt of n tokens; decode of n single tokens after nothing.
func (p *peer) prefill(n int) ([]float64, error) { return p.run("-p", n, "-n", 0) }
func (p *peer) decode(n int) ([]float64, error)  { return p.run("-p", 0, "-n", n) }

// run is llama-bench once.
func (p *peer) run(args ...any) ([]float64, error) {
	if p == nil || p.bench == "" {
		return nil, nil
	}
	fixed := []any{"-m", p.file, "-t", p.threads, "-r", 1, "-fa", 1, "-o", "json"}
	out, err := command(p.bench, append(fixed, args...)...)
	if err != nil {
		return nil, err
	}
	var runs []struct {
		Rate float64 `json:"avg_ts"`
	}
	if err := json.Unmarshal(out, &runs); err != nil || len(runs) != 1 || runs[0].Rate <= 0 {
		return nil, fmt.Errorf("%s printed no rate: %.200q", p.bench, out)
	}
	return []float64{runs[0].Rate}, nil
}

// group is llama-batched-bench once: a prompt that answers share, the tokens a second of reading it
// and of answering. A single answer after it would take another reading and is not measured.
func (p *peer) group(prompt, answers, n int) ([]float64, error) {
	if p == nil || p.batched == "" {
		return nil, nil
	}
	out, err := command(p.batched, "-m", p.file, "-t", p.threads, "-c", prompt+answers*n, "-b", 2048, "-ub", 512,
		"-npp", prompt, "-ntg", n, "-npl", answers, "-pps", "-kvu", "-fa", "on", "--output-format", "jsonl")
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(out) {
		var r struct {
			Read   float64 `json:"speed_pp"`
			Answer float64 `json:"speed_tg"`
		}
		if json.Unmarshal(line, &r) == nil && r.Read > 0 && r.Answer > 0 {
			return []float64{r.Read, r.Answer, math.NaN()}, nil
		}
	}
	return nil, fmt.Errorf("%s printed no rates: %.200q", p.batched, out)
}

// command is the output of a program that succeeds.
func command(path string, args ...any) ([]byte, error) {
	list := make([]string, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case int:
			list[i] = strconv.Itoa(a)
		case string:
			list[i] = a
		}
	}
	out, err := exec.Command(path, list...).Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		lines := strings.Split(strings.TrimSpace(string(failed.Stderr)), "\n")
		return nil, fmt.Errorf("%s %s: %w: %s", path, strings.Join(list, " "), err, lines[len(lines)-1])
	}
	return out, err
}
