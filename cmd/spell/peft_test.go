package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"spell/tensor/fixture"
)

// TestAdapterGolden: a model with adapters scores as bench/golden/adapter.py says, which merges them in
// float64 by the rules that PEFT publishes; beside its weights, and folded into them by export.
func TestAdapterGolden(t *testing.T) {
	for name, base := range map[string]string{"plain": "llama2", "rslora-all-linear": "qwen2-window",
		"patterns": "llama-biases", "second-layer": "qwen3-moe-fine"} {
		t.Run(name, func(t *testing.T) {
			at, model := fixture.Path(t, "adapters/"+name), fixture.Path(t, "tiny/"+base)
			type scores struct {
				LogProbs []float64 `json:"logprob_of_next"`
				Argmax   []int     `json:"argmax"`
			}
			var want scores
			golden := filepath.Join(at, "golden.json")
			if err := json.Unmarshal(read(t, golden), &want); err != nil {
				t.Fatal(err)
			}
			check := func(what string, args ...string) {
				t.Helper()
				var got scores
				args = append([]string{"score", "--json", "--quiet", "--ids", golden}, args...)
				if err := json.Unmarshal([]byte(succeed(t, "", args...)), &got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.Argmax, want.Argmax) || len(got.LogProbs) != len(want.LogProbs) {
					t.Fatalf("%s: the most likely tokens are %v of %d, not %v", what, got.Argmax, len(got.LogProbs),
						want.Argmax)
				}
				for i, v := range got.LogProbs {
					if d := math.Abs(v - want.LogProbs[i]); d > 2e-4 {
						t.Errorf("%s: token %d has log-probability %v, not %v", what, i+1, v, want.LogProbs[i])
					}
				}
			}
			check("beside", "--model", model, "--adapter", at)
			out := filepath.Join(t.TempDir(), "merged")
			runs(t, "export", "--model", model, "--adapter", at, "--to", "hf", "--type", "f32", "--out", out, "--quiet")
			check("folded in", "--model", out)
		})
	}
}
