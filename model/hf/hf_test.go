package hf

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/kernels/ref"
	"spell/model"
	"spell/model/forest"
	"spell/tensor"
	"spell/tensor/fixture"
)

// golden is what a reference in float64 computed for a checkpoint.
type golden struct {
	IDs     []int32   `json:"ids"`
	Greedy  []int32   `json:"greedy_ids"`
	LogProb []float64 `json:"logprob_of_next"`
	Argmax  []int32   `json:"argmax"`
}

func readGolden(t *testing.T, dir string) (g golden) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if g.IDs == nil { // greedy decoding: each token is the most likely one
		g.IDs, g.Argmax = g.Greedy, g.Greedy[1:]
	}
	return g
}

// eachCheckpoint runs a test for the checkpoints of every family.
func eachCheckpoint(t *testing.T, test func(t *testing.T, dir string, g golden)) {
	for _, name := range fixture.Checkpoints(t) {
		t.Run(name, func(t *testing.T) {
			dir := fixture.Path(t, name)
			test(t, dir, readGolden(t, dir))
		})
	}
}

// scorer loads the model in dir to score n tokens.
func scorer(t *testing.T, b kernels.Backend, dir string, p model.Precision, n int) *model.Decoder {
	t.Helper()
	w, err := Load(b, dir, p, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	d, err := model.NewScorer(b, w, forest.Limits{Batch: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Free(); w.Free() })
	return d
}

// score returns the log-probabilities of a text's tokens after the first.
func score(t *testing.T, d *model.Decoder, ids []int32) []model.Stat {
	t.Helper()
	stats, err := d.Score(context.Background(), forest.Forest{{Parent: -1, Tokens: ids, Scored: true}})
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// TestParity scores the checkpoints of every family against golden log-probabilities.
func TestParity(t *testing.T) {
	eachCheckpoint(t, func(t *testing.T, dir string, g golden) {
		d := scorer(t, ref.New[float64](), dir, model.F64, len(g.IDs))
		for i, s := range score(t, d, g.IDs) {
			if diff := math.Abs(float64(s.LogProb) - g.LogProb[i]); diff > 1e-5 {
				t.Fatalf("token %d: log-probability %.7g, golden %.7g", i, s.LogProb, g.LogProb[i])
			}
		}
		top, err := d.Argmax(context.Background(), g.IDs)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range g.Argmax {
			if top[i] != want {
				t.Fatalf("row %d: most likely token %d, golden %d", i, top[i], want)
			}
		}
	})
}

// TestBF16 scores them in bf16: the error is that of the rounding points, which the oracle has, too.
func TestBF16(t *testing.T) {
	rounded := model.Precision{Name: "bf16 in float64", Weight: tensor.BF16, Act: tensor.BF16, Acc: tensor.F64}
	eachCheckpoint(t, func(t *testing.T, dir string, g golden) {
		distance := func(b kernels.Backend, p model.Precision) float64 {
			sum := 0.0
			for i, s := range score(t, scorer(t, b, dir, p, len(g.IDs)), g.IDs) {
				diff := float64(s.LogProb) - g.LogProb[i]
				sum += diff * diff
			}
			return math.Sqrt(sum / float64(len(g.LogProb)))
		}
		ours, oracle := distance(opentest.CPU(t, 1), model.BF16), distance(ref.New[float64](), rounded)
		t.Logf("error %.3g, of the oracle %.3g, ratio %.3f", ours, oracle, ours/oracle)
		if !(ours <= 1.2*oracle) {
			t.Errorf("log-probabilities in bf16 are off by %.3g (root of the mean square), and with exact sums "+
				"between the same roundings by %.3g", ours, oracle)
		}
	})
}
