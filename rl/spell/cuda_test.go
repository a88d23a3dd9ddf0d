//go:build cuda && cgo && linux

package spell

import (
	"context"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda"
	"spell/kernels/cuda/cudatest"
	"spell/model"
	"spell/model/forest"
	"spell/rl"
	"spell/rl/budget"
)

// emulated is a backend on an emulated GPU of so many MiB.
func emulated(t *testing.T, memory string) (kernels.Backend, kernels.DeviceMemory) {
	t.Helper()
	cudatest.Use(t, cudatest.Device{Settings: "memory=" + memory})
	b, err := cuda.Open(cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b, b.(kernels.DeviceMemory)
}

// TestPlanHoldsCUDA: an emulated GPU holds in a step what the plan says of it, and not much less; and with less
// than that the run is refused.
func TestPlanHoldsCUDA(t *testing.T) {
	const whole = 128 << 20
	b, d := emulated(t, "128")
	m := model.Config{Family: "llama", Vocab: 2048, Hidden: 64, FF: 192, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 32,
		Tied: true, NormEps: 1e-6, Context: 4096, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	c := small().Tight(256, 4, 64)
	c.PassTokens, c.BatchTokens = 256, 256
	plan, err := NewPlan(t.Context(), b, m, model.F32, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := model.NewWeights(b, m, model.F32, model.Training)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	w.Initialize(b, 1, model.Init{Embedding: 0.1, Matrix: 1, Residual: 0.1})
	r, err := rl.NewMachine(&c.Config, c.sampled(), b, w)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	if _, err := r.Engine.Generate(context.Background(), requests(1, 256, 4, 2)); err != nil {
		t.Fatal(err)
	}
	f := forest.Forest{{Parent: -1, Tokens: make([]int32, 256)}}
	for range 4 {
		f.Add(0, make([]int32, 64), true)
	}
	if _, err := r.Trainer.Accumulate(context.Background(), f, nothing); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Trainer.Update(1); err != nil {
		t.Fatal(err)
	}
	free, err := d.FreeBytes()
	if err != nil {
		t.Fatal(err)
	}
	held, planned := int64(whole-free), plan.Needs().Device-int64(d.OverheadBytes())
	t.Logf("%s held, %s planned", budget.Bytes(held), budget.Bytes(planned))
	if held > planned || float64(held) < 0.9*float64(planned) {
		t.Errorf("%d bytes held, %d planned", held, planned)
	}
	for _, it := range plan.Items {
		if it.Mapped != it.Device && it.Owner != "driver" && it.Owner != "kernels" {
			t.Errorf("%+v", it)
		}
	}
	if err := plan.Fit(t.Context(), b, nil, 0, false); err == nil { // what is held already is not free
		t.Errorf("a run that needs %v fits into %s", plan.Needs(), budget.Bytes(int64(free)))
	}
}
