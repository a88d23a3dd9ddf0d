package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"spell/tensor/fixture"
)

// golden is what a reference in float64 computed for a checkpoint.
type golden struct {
	IDs     []int32   `json:"ids"`
	Greedy  []int32   `json:"greedy_ids"`
	LogProb []float64 `json:"logprob_of_next"`
	Argmax  []int32   `json:"argmax"`
}

// TestScoreParity scores every family from the command line: log-probabilities to 2e-4, every
// most likely token exactly.
func TestScoreParity(t *testing.T) {
	for _, name := range fixture.Checkpoints(t) {
		t.Run(name, func(t *testing.T) {
			dir := fixture.Path(t, name)
			want := decode[golden](t, string(read(t, filepath.Join(dir, "golden.json"))))
			if want.IDs == nil { // greedy decoding: each token is the most likely one
				want.IDs, want.Argmax = want.Greedy, want.Greedy[1:]
			}
			raw, err := json.Marshal(map[string]any{"ids": want.IDs})
			if err != nil {
				t.Fatal(err)
			}
			ids := write(t, filepath.Join(t.TempDir(), "ids.json"), string(raw))
			got := decode[golden](t, succeed(t, "", "score", "--model", dir, "--ids", ids, "--json"))
			if len(got.LogProb) != len(want.IDs)-1 || len(got.Argmax) != len(want.IDs) {
				t.Fatalf("%d log-probabilities and %d most likely tokens for %d ids",
					len(got.LogProb), len(got.Argmax), len(want.IDs))
			}
			worst := 0.0
			for i, w := range want.LogProb {
				worst = max(worst, math.Abs(got.LogProb[i]-w))
			}
			if !(worst <= 2e-4) {
				t.Errorf("a log-probability is off by %g", worst)
			}
			if !slices.Equal(got.Argmax[:len(want.Argmax)], want.Argmax) {
				t.Errorf("most likely tokens %v, want %v", got.Argmax, want.Argmax)
			}
		})
	}
}

// TestGreedyParity repeats, token by token, what stories260K says when it always takes the most
// likely one.
func TestGreedyParity(t *testing.T) {
	dir := fixture.Path(t, "stories260K")
	want := decode[golden](t, string(read(t, filepath.Join(dir, "golden.json")))).Greedy
	out := succeed(t, "", "generate", "--model", dir, "--ids", fmt.Sprint(want[0]),
		"--max-tokens", fmt.Sprint(len(want)-1), "--temperature", "0", "--json")
	got := decode[[]struct {
		IDs []int32 `json:"ids"`
	}](t, out)
	if len(got) != 1 || !slices.Equal(got[0].IDs, want[1:]) {
		t.Errorf("%v, want %v", got, want[1:])
	}
}

// TestUnsupportedFamily refuses another architecture by name.
func TestUnsupportedFamily(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "config.json"), `{"model_type": "qwen2_moe"}`)
	spell(t, "", "generate", "--model", filepath.Dir(path), "--ids", "1").fails(t, path, "qwen2_moe")
}
