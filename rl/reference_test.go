package rl_test

import (
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
)

// adapted is a frozen model with fresh adapters that are trained.
func adapted(t *testing.T, b kernels.Backend, p model.Precision) runner.Model {
	t.Helper()
	text := dialog(t)
	w, err := model.NewWeights(b, shape(text.Tok.VocabSize()), p, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	w.Initialize(b, 1, model.Init{Embedding: 0.5, Matrix: 1, Residual: 1})
	if err := w.Adapt(b, model.LoRA{Rank: 4, Alpha: 8, Targets: model.AdapterTargets}, model.Training); err != nil {
		t.Fatal(err)
	}
	w.InitializeAdapters(b, 1)
	return runner.Model{Backend: b, Weights: w, Text: text}
}

// whole is a model of which all weights are trained.
func whole(t *testing.T, b kernels.Backend, p model.Precision) runner.Model {
	t.Helper()
	text := dialog(t)
	w, err := runnertest.Random(b, shape(text.Tok.VocabSize()), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	began := func(r *model.Weights) error {
		first, err := runnertest.Random(b, shape(text.Tok.VocabSize()), p)
		if err != nil {
			return err
		}
		defer first.Free()
		for i, q := range r.Params {
			b.Copy(q.W, first.Params[i].W)
		}
		return nil
	}
	return runner.Model{Backend: b, Weights: w, Text: text, Began: began}
}

// TestReference: the policy begins at its reference, which adapters and weights have alike, and a large
// weight of the divergence keeps it there; its tokens are trained at the log-probabilities that they were
// sampled with.
func TestReference(t *testing.T) {
	for name, on8 := range map[string]struct {
		p    model.Precision
		open func(*testing.T, kernels.Backend, model.Precision) runner.Model
	}{
		"adapters, f32": {model.F32, adapted}, "adapters, bf16": {model.BF16, adapted},
		"adapters, int8": {model.Int8, adapted},
		"weights, f32":   {model.F32, whole}, "weights, bf16": {model.BF16, whole},
	} {
		t.Run(name, func(t *testing.T) {
			far := map[float64]float64{}
			for _, kl := range []float64{1e-9, 100} {
				c := relayConfig()
				c.KL = kl
				l, _ := on(t, c, on8.open(t, opentest.CPU(t, 2), on8.p))
				for n := range 6 {
					u := step(t, l).Metrics.(*report).Update
					if u.MaxLogpDiff != 0 || u.MeanLogpDiff != 0 || !(u.GradNorm > 0) {
						t.Errorf("step %d: %+v", n, u)
					}
					if (u.KL == 0) != (n == 0) || u.KL < 0 {
						t.Errorf("step %d: the divergence is %g", n, u.KL)
					}
					far[kl] += u.KL
				}
			}
			if !(far[100] < far[1e-9]/2) {
				t.Errorf("the divergence is %g with its weight and %g without", far[100], far[1e-9])
			}
		})
	}
}

// TestNoReference: without the term nothing is compared, and the model that the run began with is not asked
// for.
func TestNoReference(t *testing.T) {
	m := whole(t, opentest.CPU(t, 1), model.F32)
	m.Began = func(*model.Weights) error { t.Error("it is asked for"); return nil }
	l, _ := on(t, relayConfig(), m)
	if u := step(t, l).Metrics.(*report).Update; u.KL != 0 {
		t.Errorf("%+v", u)
	}
	machine, err := rl.NewMachine(l.Config, l.Game.Sampled(), m.Backend, m.Weights)
	if err != nil || machine.Reference != nil {
		t.Errorf("%+v, %v", machine, err)
	} else {
		machine.Free()
	}
}
