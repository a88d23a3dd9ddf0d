//go:build cuda && cgo && linux

package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spell/kernels/cuda/cudatest"
)

// TestTrainKilledCUDA: a run on an emulated GPU that is killed at random moments goes on with --resume to the
// bytes of a run that was left alone.
func TestTrainKilledCUDA(t *testing.T) {
	dir, args := chainRun(t)
	config := chainConfig(t, dir, "short.json", map[string]any{"questions": 8, "draw": 16})
	cudatest.Use(t, cudatest.Device{})
	t.Setenv(asCommand, "unlimited") // this binary is the program
	run := func(out string, stop *interruption, more ...string) (string, error) {
		a := args(out, append(more, "--backend", "cuda", "--config", config, "--steps", "2")...)
		return execute(t, stop, os.Args[0], a...)
	}
	straight, killed := filepath.Join(dir, "straight"), filepath.Join(dir, "killed")
	start := time.Now()
	said, err := run(straight, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	alone := time.Since(start)
	if n := strings.Count(said, "|Δlogp| 0  "); n < 1 {
		t.Errorf("only %d of 2 steps trained:\n%s", n, said)
	}
	resume := func() (more []string) {
		if _, err := os.Stat(filepath.Join(killed, "run.json")); err == nil {
			more = append(more, "--resume")
		}
		return more
	}
	for range 2 {
		after := time.Duration((0.2 + 0.4*rand.Float64()) * float64(alone))
		moment := time.Now().Add(after)
		stop := &interruption{os.Kill, func() bool { return time.Now().After(moment) }}
		more := resume()
		said, err := run(killed, stop, more...)
		t.Logf("killed after %v of %v, %v: %v", after, alone, more, err)
		if err == nil {
			break // it ended before, since so much was done
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	if said, err := run(killed, nil, resume()...); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	sameFiles(t, straight, killed, append(checkpoint(2), "transcript.jsonl", "metrics.jsonl")...)
}
