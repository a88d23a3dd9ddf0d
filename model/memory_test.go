package model

import (
	"context"
	"fmt"
	"testing"

	"spell/kernels/ref"
	"spell/model/forest"
)

// TestMemoryIsUsed: a step that fills a decoder's limits takes no more than was planned, and nearly
// all of it. If activations are kept, the gradients of shared segments have a place before they
// need one.
func TestMemoryIsUsed(t *testing.T) {
	for name, c := range families() {
		for _, a := range []Activations{RecomputeActivations, KeepActivations} {
			for _, live := range []int{0, 1, 20} {
				t.Run(fmt.Sprintf("%s/kept=%v/live=%d", name, a == KeepActivations, live), func(t *testing.T) {
					memoryIsUsed(t, c, a, live)
				})
			}
		}
	}
}

// memoryIsUsed checks that of a decoder for a shared segment of 40 tokens, of which live predict, 0 for
// all, and as many tokens of branches.
func memoryIsUsed(t *testing.T, c Config, a Activations, live int) {
	var f forest.Forest
	root := f.Add(-1, make([]int32, 40), live == 0)
	if live > 1 { // the tokens of one segment, and the last before it
		f[0].Tokens = f[0].Tokens[:40-live]
		root = f.Add(root, make([]int32, live), true)
	}
	for range 4 {
		f.Add(root, make([]int32, 10), true)
	}
	limits := forest.Limits{Shared: 40, Batch: 40, Live: live}
	if live > 1 {
		limits.Live++
	}
	b := ref.New[float32]()
	w, err := NewWeights(b, c, BF16, Training)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	w.Initialize(b, 1, Init{Embedding: 1, Matrix: 1, Residual: 1})
	d, err := NewTrainingDecoder(b, w, limits, a)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	loss := func(_ []forest.ScoredToken, _ []Stat, dl, _ []float32) { dl[0] = 1 }
	if _, err := d.Step(context.Background(), f, loss); err != nil {
		t.Fatal(err)
	}
	least := 0.9
	if a == KeepActivations {
		least = 0.75
	}
	peak, planned := d.arena.Peak(), Total(d.Memory())
	if peak > planned || float64(peak) < least*float64(planned) {
		t.Errorf("%d of %d planned bytes were used", peak, planned)
	}
}
