package model

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/model/forest"
	"spell/tensor"
)

// frozen8 computes in float64 over a base of int8.
var frozen8 = Precision{Name: "int8", Weight: tensor.I8, Act: tensor.F64, Acc: tensor.F64}

// openAdapted returns a decoder over a frozen random base whose adapters, random too, are trained.
func openAdapted(t *testing.T, c Config, p Precision, l LoRA, limits forest.Limits, a Activations) (
	kernels.Backend, *Decoder) {
	t.Helper()
	b := ref.New[float64]()
	w, err := NewWeights(b, c, p, Inference)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	fill(b, w.Params)
	if err := w.Adapt(b, l, Training); err != nil {
		t.Fatal(err)
	}
	fill(b, w.Adapters())
	d, err := NewTrainingDecoder(b, w, limits, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Free() })
	return b, d
}

// TestAdapterGradients compares the gradients of A and B with central differences: of every family, of
// every target and of few, with both scales, over a base in float64 and in int8. Nothing else has a
// gradient, and experts have no adapters.
func TestAdapterGradients(t *testing.T) {
	loras := []LoRA{
		{Rank: 3, Alpha: 4, Targets: AdapterTargets},
		{Rank: 1, Alpha: 0.7, RSLoRA: true, Targets: AdapterTargets[:2]},
		{Rank: 5, Alpha: 3, RSLoRA: true, Targets: []string{"v_proj", "o_proj", "down_proj"}},
	}
	limits := forest.Limits{Shared: 12, Batch: 4}
	for name, c := range families() {
		for i, lora := range loras {
			for _, base := range []Precision{F64, frozen8} {
				for shape, f := range map[string]forest.Forest{"grove": grove(), "text": text()} {
					t.Run(fmt.Sprintf("%s/%d/%s/%s", name, i, base.Name, shape), func(t *testing.T) {
						b, d := openAdapted(t, c, base, lora, limits, Activations(i%2))
						checkGradients(t, b, d, f, limits, d.W.Trainable())
						want := 0
						for l := range c.Layers {
							for _, target := range lora.Targets {
								if attention := slices.Index(AdapterTargets, target) < 4; attention || !c.MoELayer(l) {
									want += 2
								}
							}
						}
						if n := len(d.W.Trainable()); n != want {
							t.Errorf("%d matrices are trained, want %d", n, want)
						}
						for _, p := range d.W.Params {
							if !p.Grad.IsZero() || !p.M.IsZero() || !p.Master.IsZero() {
								t.Errorf("%s is frozen, and takes memory for training", p.Name)
							}
						}
					})
				}
			}
		}
	}
}

// TestInt8BaseIsDequantized: over an int8 base, values and gradients of adapters are those over a base
// of the numbers that the integers stand for.
func TestInt8BaseIsDequantized(t *testing.T) {
	lora := LoRA{Rank: 2, Alpha: 3, Targets: AdapterTargets}
	limits := forest.Limits{Shared: 12, Batch: 8}
	for name, c := range families() {
		b, coded := openAdapted(t, c, frozen8, lora, limits, KeepActivations)
		_, plain := openAdapted(t, c, F64, lora, limits, KeepActivations)
		for i, p := range coded.W.Params {
			b.Copy(plain.W.Params[i].W, p.W)
		}
		for _, d := range []*Decoder{coded, plain} {
			if _, err := d.Step(context.Background(), grove(), linear); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range coded.W.Trainable() {
			got, want := download(b, p.Grad), download(b, plain.W.Trainable()[i].Grad)
			if !slices.Equal(got, want) {
				t.Errorf("%s: the gradient of %s is %v over int8, %v over its numbers", name, p.Name, got, want)
			}
		}
	}
}

func download(b kernels.Backend, m tensor.Mat) []float64 {
	v := make([]float64, m.Len())
	kernels.Download(b, v, m)
	return v
}

// scoreAll returns the log-probabilities of a forest.
func scoreAll(t *testing.T, b kernels.Backend, w *Weights, f forest.Forest) []float64 {
	t.Helper()
	d, err := NewScorer(b, w, forest.Limits{Shared: 100, Batch: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	stats, err := d.Score(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]float64, len(stats))
	for i, s := range stats {
		list[i] = float64(s.LogProb)
	}
	return list
}

// apart returns the largest difference between two lists.
func apart(a, b []float64) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// TestMerge: merged weights score as those with adapters, and without adapters a copy is the weights;
// over any base.
func TestMerge(t *testing.T) {
	for name, c := range families() {
		for _, base := range []Precision{F64, frozen8} {
			lora := LoRA{Rank: 3, Alpha: 2, RSLoRA: true, Targets: AdapterTargets}
			b, d := openAdapted(t, c, base, lora, forest.Limits{Batch: 8}, KeepActivations)
			for _, w := range []*Weights{d.W, d.W.Base()} {
				m, err := Merge(b, w, F64)
				if err != nil {
					t.Fatal(err)
				}
				if far := apart(scoreAll(t, b, m, grove()), scoreAll(t, b, w, grove())); far > 1e-6 {
					t.Errorf("%s over %s: merged weights score %g apart", name, base.Name, far)
				}
				m.Free()
			}
		}
	}
}

// TestAdaptersBegin: fresh adapters leave the model as it is, and depend on the seed alone; the base of
// weights with adapters is the model without.
func TestAdaptersBegin(t *testing.T) {
	lora := LoRA{Rank: 4, Alpha: 8, Targets: AdapterTargets}
	for name, c := range families() {
		b, d := openAdapted(t, c, F64, lora, forest.Limits{Batch: 8}, KeepActivations)
		without := scoreAll(t, b, d.W.Base(), grove())
		if apart(scoreAll(t, b, d.W, grove()), without) == 0 {
			t.Errorf("%s: adapters change nothing", name)
		}
		values := map[uint64][]float64{}
		for _, seed := range []uint64{5, 6, 5} {
			d.W.InitializeAdapters(b, seed)
			var all []float64
			for _, p := range d.W.Adapters() {
				v := download(b, p.W)
				bound := 1 / math.Sqrt(float64(p.Cols))
				if zero := slices.Max(v) == 0 && slices.Min(v) == 0; zero != (p.Kind == AdapterB) ||
					slices.Max(v) > bound || slices.Min(v) < -bound {
					t.Errorf("%s: %s lies between %g and %g", name, p.Name, slices.Min(v), slices.Max(v))
				}
				all = append(all, v...)
			}
			if was := values[seed]; was != nil && !slices.Equal(was, all) {
				t.Errorf("%s: the same seed gives other adapters", name)
			}
			values[seed] = all
		}
		if slices.Equal(values[5], values[6]) {
			t.Errorf("%s: another seed gives the same adapters", name)
		}
		if far := apart(scoreAll(t, b, d.W, grove()), without); far != 0 {
			t.Errorf("%s: fresh adapters change log-probabilities by %g", name, far)
		}
	}
}

// TestAdaptRefuses: what is no LoRA is refused by the name of the field.
func TestAdaptRefuses(t *testing.T) {
	c := families()["llama"]
	for want, l := range map[string]LoRA{
		"rank is 0; it must lie between 1 and 4096":         {Alpha: 1, Targets: AdapterTargets},
		"rank is 5000; it must lie between 1 and 4096":      {Rank: 5000, Alpha: 1, Targets: AdapterTargets},
		"alpha is 0; it must lie above 0 and not above 1e6": {Rank: 1, Targets: AdapterTargets},
		"targets is empty; name at least one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj": {
			Rank: 1, Alpha: 1},
		`targets has "lm_head"; use q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj`: {Rank: 1, Alpha: 1,
			Targets: []string{"lm_head"}},
		"targets has q_proj twice; name each once": {Rank: 1, Alpha: 1, Targets: []string{"q_proj", "q_proj"}},
	} {
		b := ref.New[float64]()
		w, err := NewWeights(b, c, F64, Inference)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Adapt(b, l, Training); err == nil || err.Error() != want {
			t.Errorf("%+v: %v; want %s", l, err, want)
		}
		w.Free()
	}
}

// TestAdapterMemory: arenas of weights with adapters, and of the decoder that trains them, are as large
// as their items say; embedding and base take nothing for training.
func TestAdapterMemory(t *testing.T) {
	for name, c := range families() {
		for _, base := range []Precision{F32, BF16, Int8} {
			b := ref.New[float32]()
			w, err := NewWeights(b, c, base, Inference)
			if err != nil {
				t.Fatal(err)
			}
			plain := Total(w.Memory())
			if err := w.Adapt(b, LoRA{Rank: 8, Alpha: 8, Targets: AdapterTargets}, Training); err != nil {
				t.Fatal(err)
			}
			mapped, n := 0, 0
			for _, a := range w.arenas {
				mapped += a.Used()
			}
			for _, p := range w.Adapters() {
				n += p.Rows * p.Cols
			}
			if got := Total(w.Memory()); got != mapped || got < plain+16*n {
				t.Errorf("%s over %s: %d bytes are planned and %d mapped, %d without adapters of %d numbers", name,
					base.Name, got, mapped, plain, n)
			}
			for _, a := range []Activations{RecomputeActivations, KeepActivations} {
				limits := forest.Limits{Shared: 12, Batch: 8}
				d, err := NewTrainingDecoder(b, w, limits, a)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.Step(context.Background(), grove(), linear); err != nil {
					t.Fatal(err)
				}
				for _, it := range d.Memory() {
					if it.Name == "embedding gradient of a pass" {
						t.Errorf("%s over %s: a frozen embedding has memory for a gradient", name, base.Name)
					}
				}
				d.Free()
			}
			w.Free()
		}
	}
}
