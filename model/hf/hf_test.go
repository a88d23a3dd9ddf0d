package hf

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"spell/kernels/ref"
	"spell/model"
	"spell/model/forest"
	"spell/tensor/fixture"
)

// TestParity scores the checkpoints of every family against golden log-probabilities.
func TestParity(t *testing.T) {
	for _, name := range []string{"stories260K", "tiny/llama31", "tiny/qwen2", "tiny/qwen2-yarn", "tiny/qwen3"} {
		t.Run(name, func(t *testing.T) {
			dir := fixture.Path(t, name)
			raw, err := os.ReadFile(filepath.Join(dir, "golden.json"))
			if err != nil {
				t.Fatal(err)
			}
			var golden struct {
				IDs     []int32   `json:"ids"`
				Greedy  []int32   `json:"greedy_ids"`
				LogProb []float64 `json:"logprob_of_next"`
				Argmax  []int32   `json:"argmax"`
			}
			if err := json.Unmarshal(raw, &golden); err != nil {
				t.Fatal(err)
			}
			if golden.IDs == nil {
				golden.IDs = golden.Greedy
				golden.Argmax = golden.Greedy[1:]
			}
			b := ref.New[float64]()
			w, err := Load(b, dir, model.F64, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Free()
			d, err := model.NewScorer(b, w, forest.Limits{Batch: len(golden.IDs)})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Free()
			stats, err := d.Score(context.Background(), forest.Forest{{Parent: -1, Tokens: golden.IDs, Scored: true}})
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range stats {
				if diff := math.Abs(float64(s.LogProb) - golden.LogProb[i]); diff > 1e-5 {
					t.Fatalf("token %d: log-probability %.7g, golden %.7g", i, s.LogProb, golden.LogProb[i])
				}
			}
			top, err := d.Argmax(context.Background(), golden.IDs)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range golden.Argmax {
				if top[i] != want {
					t.Fatalf("row %d: most likely token %d, golden %d", i, top[i], want)
				}
			}
		})
	}
}
