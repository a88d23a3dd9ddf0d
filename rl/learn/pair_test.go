package learn

import (
	"context"
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/tensor/rng"
)

// A pair is a prompt with a preferred answer, segment 2, and another one, segment 3. Its loss is
// −log σ(β·(log π(preferred) − log π(other))), whose derivatives depend on both answers as a whole.
type pair struct {
	f      forest.Forest
	beta   float64
	margin float64 // seen before
	seen   int
}

func (p *pair) loss() float64 { return math.Log1p(math.Exp(-p.beta * p.margin)) }

func sign(segment int32) float64 {
	if segment == 2 {
		return 1
	}
	return -1
}

// tree is the pair as something to learn from.
func (p *pair) tree() Tree {
	return Tree{
		Forest: p.f,
		Before: func(scored []forest.ScoredToken, stats []model.Stat) {
			p.margin, p.seen = 0, len(scored)
			for i, s := range scored {
				p.margin += sign(s.Segment) * float64(stats[i].LogProb)
			}
		},
		Loss: func(scored []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
			d := -p.beta / (1 + math.Exp(p.beta*p.margin))
			for i, s := range scored {
				dl[i] = float32(d * sign(s.Segment))
			}
		},
	}
}

// TestPairGradient: the gradient of a loss over two sequences against central differences, on the
// oracle, beside an objective of another kind in the same update, shared prompts or not.
func TestPairGradient(t *testing.T) {
	for _, share := range []bool{false, true} {
		for name, limits := range map[string]forest.Limits{"one pass": wide, "several": {Shared: 20, Batch: 16}} {
			t.Run(fmt.Sprintf("share %v, %s", share, name), func(t *testing.T) {
				b := ref.New[float64]()
				tr := newTrainer(t, b, model.F64, limits)
				u := Updater{Trainer: tr, Limits: limits, Share: share}
				pairs := []*pair{{f: answers(6, 5, 7), beta: 0.5}, {f: answers(6, 4, 3), beta: 0.1},
					{f: answers(4, 6, 2), beta: 1}}
				line := text(12, 4)
				var trees []Tree
				for _, p := range pairs {
					trees = append(trees, p.tree())
				}
				trees = append(trees, Tree{Forest: line, Loss: nll(0.25)})
				objective := func() (sum float64) {
					for _, p := range pairs {
						p.tree().Before(scores(t, tr, p.f))
						sum += p.loss()
					}
					_, stats := scores(t, tr, line)
					for _, s := range stats {
						sum -= 0.25 * float64(s.LogProb)
					}
					return sum
				}
				if err := u.Accumulate(context.Background(), trees); err != nil {
					t.Fatal(err)
				}
				for i, p := range pairs {
					if want := len(p.f[2].Tokens) + len(p.f[3].Tokens); p.seen != want {
						t.Errorf("pair %d was shown %d of its %d tokens", i, p.seen, want)
					}
				}
				grads := gradientsOf(tr)
				for k, p := range tr.Weights.Params {
					w := make([]float64, p.Rows*p.Cols)
					kernels.Download(b, w, p.W)
					r := rng.At(3, rng.Init, uint64(k), 0, 0)
					for range 3 {
						i := r.Intn(len(w))
						if p.Kind == model.Embedding { // a row in use
							i = int(line[0].Tokens[r.Intn(12)])*p.Cols + r.Intn(p.Cols)
						}
						const h = 1.0 / 128 // statistics are float32
						was := w[i]
						at := func(x float64) float64 {
							w[i] = was + x
							kernels.Upload(b, p.W, w)
							return objective()
						}
						want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
						at(0)
						if got := grads[k][i]; !(math.Abs(got-want) < 3e-4*(1+math.Abs(want))) {
							t.Errorf("%s[%d]: gradient %.8g, central difference %.8g", p.Name, i, got, want)
						}
					}
				}
			})
		}
	}
}

// scores are the statistics of a forest by itself.
func scores(t testing.TB, tr *train.Trainer, f forest.Forest) ([]forest.ScoredToken, []model.Stat) {
	t.Helper()
	layout, err := forest.NewLayout(f, wide)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := tr.Decoder.Score(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return layout.Scored, stats
}
