package model

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"spell/kernels/cpu"
	"spell/model/forest"
)

// TestMLPInParts: rows that go through the MLP in parts have the statistics and gradients, bit for bit, of
// those that go through it at once, whether weights are trained or adapters; it takes less memory.
func TestMLPInParts(t *testing.T) {
	was := mlpPart
	defer func() { mlpPart = was }()
	limits := forest.Limits{Shared: 12, Batch: 32}
	for name, c := range families() {
		for _, p := range []Precision{F32, BF16, Int8} {
			t.Run(fmt.Sprintf("%s/%s", name, p.Name), func(t *testing.T) {
				b, err := cpu.New(cpu.Options{Workers: 2})
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				var lora *LoRA
				if p == Int8 {
					lora = &LoRA{Rank: 2, Alpha: 3, Targets: AdapterTargets}
				}
				w, err := NewLearner(b, c, p, lora)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Free()
				fill(b, w.Params)
				fill(b, w.Adapters())
				run := func(part int, a Activations) (stats []Stat, grads [][]float64, bytes int) {
					mlpPart = part
					d, err := NewTrainingDecoder(b, w, limits, a)
					if err != nil {
						t.Fatal(err)
					}
					defer d.Free()
					for _, q := range w.Trainable() {
						b.Zero(q.Grad)
					}
					if stats, err = d.Step(context.Background(), grove(), linear); err != nil {
						t.Fatal(err)
					}
					for _, q := range w.Trainable() {
						grads = append(grads, download(b, q.Grad))
					}
					return stats, grads, Total(d.Memory())
				}
				stats, grads, most := run(1<<10, RecomputeActivations)
				for _, part := range []int{2, 4, 6} {
					s, g, bytes := run(part, RecomputeActivations)
					if !slices.Equal(s, stats) {
						t.Errorf("in parts of %d: statistics %v, at once %v", part, s, stats)
					}
					for i, q := range w.Trainable() {
						if !slices.Equal(g[i], grads[i]) {
							t.Errorf("in parts of %d: the gradient of %s differs", part, q.Name)
						}
					}
					if c.someLayer(false) && bytes >= most {
						t.Errorf("parts of %d take %d bytes, all at once %d", part, bytes, most)
					}
				}
				if _, g, _ := run(2, KeepActivations); !slices.EqualFunc(g, grads, slices.Equal[[]float64]) {
					t.Error("kept activations give other gradients")
				}
			})
		}
	}
}
