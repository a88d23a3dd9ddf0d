// Package train turns forests and a loss into weight updates: gradients accumulated over as
// many forests as a batch has, one clip by the global norm, one AdamW step.
//
// There is one trainer. Next-token training, GRPO and whatever else differ in the model.Loss
// they pass.
package train

import (
	"context"
	"fmt"
	"math"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/tensor/rng"
)

// Optim holds the constants of the optimizer. Rates are per update.
type Optim struct {
	LR          float64 `json:"lr" aka:"learning_rate" doc:"learning rate of matrices, norms and biases"`
	EmbedScale  float64 `json:"embed_scale" doc:"factor on LR for the embedding; 0 means 1"`
	Beta1       float64 `json:"beta1" aka:"adam_beta1" doc:"decay of the first moment"`
	Beta2       float64 `json:"beta2" aka:"adam_beta2" doc:"decay of the second moment"`
	Eps         float64 `json:"eps" aka:"adam_epsilon" doc:"added to the root of the second moment"`
	WeightDecay float64 `json:"weight_decay" doc:"decoupled, on matrices and embedding only"`
	ClipNorm    float64 `json:"clip_norm" aka:"max_grad_norm" doc:"largest global gradient norm; 0: no limit"`
}

// Validate returns an error that names the setting, as in optim.lr, if no optimizer has the constants.
func (o Optim) Validate() error {
	for _, f := range []struct {
		name   string
		v, top float64
	}{
		{"lr", o.LR, 10}, {"embed_scale", o.EmbedScale, 1e3}, {"weight_decay", o.WeightDecay, 1e3},
		{"clip_norm", o.ClipNorm, 1e9},
	} {
		if !(f.v >= 0 && f.v <= f.top) {
			return fmt.Errorf("optim.%s is %g; it must lie between 0 and %g", f.name, f.v, f.top)
		}
	}
	if !(o.Beta1 >= 0 && o.Beta1 < 1 && o.Beta2 >= 0 && o.Beta2 < 1) {
		return fmt.Errorf("optim.beta1 %g and optim.beta2 %g must be at least 0 and below 1", o.Beta1, o.Beta2)
	}
	if !(o.Eps >= 1e-30 && o.Eps <= 1) { // 0/0 where nothing was ever learned
		return fmt.Errorf("optim.eps is %g; it must lie between 1e-30 and 1", o.Eps)
	}
	return nil
}

// A Trainer accumulates gradients and applies them.
type Trainer struct {
	Backend kernels.Backend
	Weights *model.Weights
	Decoder *model.Decoder
	Optim   Optim
	Steps   int    // updates so far
	Base    string // where the model is that adapters belong to, for those who read a checkpoint of them
	// Broken names checkpoints known to be broken that look whole; they count for none of those that Save
	// keeps, and stay.
	Broken []string

	// Experts is the load of the experts in the forests of the latest update; nil unless the model
	// has mixtures.
	Experts *model.ExpertLoad
}

// keepBytes is the most scratch, in bytes, for which a trainer keeps activations.
const keepBytes = 2 << 30

// New returns a trainer for weights that were mapped for training, and clears their gradients. It
// recomputes activations if keeping them would take more than 2 GiB of scratch.
func New(b kernels.Backend, w *model.Weights, o Optim, limits forest.Limits, a model.Activations) (*Trainer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if model.ActivationBytes(w, limits) > keepBytes {
		a = model.RecomputeActivations
	}
	d, err := model.NewTrainingDecoder(b, w, limits, a)
	if err != nil {
		return nil, err
	}
	t := &Trainer{Backend: b, Weights: w, Decoder: d, Optim: o}
	t.ZeroGrad()
	return t, nil
}

// Free unmaps the trainer's scratch; the weights stay.
func (t *Trainer) Free() error { return t.Decoder.Free() }

// Accumulate runs a forest forward and backward and adds its gradients. It stops between two layers
// with ctx's error; ZeroGrad then clears what was added.
func (t *Trainer) Accumulate(ctx context.Context, f forest.Forest, loss model.Loss) ([]model.Stat, error) {
	return t.Decoder.Step(ctx, f, loss)
}

// Update applies the accumulated gradients with the learning rate scaled by schedule, clears
// them, and returns their global norm before clipping. If the norm is not finite the weights
// stay as they are and the error says so.
func (t *Trainer) Update(schedule float64) (norm float64, err error) {
	t.Experts = t.Decoder.TakeExpertLoad()
	defer t.ZeroGrad()
	norm = t.GradNorm()
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("the gradient norm is %g after %d updates: the update was left out; "+
			"lower the learning rate or look for extreme weights", norm, t.Steps)
	}
	t.Steps++
	s := kernels.AdamStep{Beta1: t.Optim.Beta1, Beta2: t.Optim.Beta2, Eps: t.Optim.Eps, Step: t.Steps, GradScale: 1}
	if c := t.Optim.ClipNorm; c > 0 && norm > c {
		s.GradScale = c / norm
	}
	for i, p := range t.Weights.Trainable() {
		s.Seed = rng.Uint64(0, rng.Rounding, uint64(t.Steps), uint64(i), 0)
		s.LR, s.WeightDecay = t.Optim.LR*schedule, 0
		switch p.Kind {
		case model.Embedding:
			if t.Optim.EmbedScale > 0 {
				s.LR *= t.Optim.EmbedScale
			}
			s.WeightDecay = t.Optim.WeightDecay
		case model.Matrix, model.Residual, model.Router, model.AdapterA, model.AdapterB:
			s.WeightDecay = t.Optim.WeightDecay
		}
		t.Backend.AdamW(p.W, p.Master, p.M, p.V, p.Grad, s)
	}
	return norm, nil
}

// GradNorm returns the global norm of the accumulated gradients.
func (t *Trainer) GradNorm() float64 {
	var sum float64
	for _, p := range t.Weights.Trainable() {
		sum += t.Backend.SumSquares(p.Grad)
	}
	return math.Sqrt(sum)
}

// ZeroGrad clears the accumulated gradients, as of a batch that was cut short.
func (t *Trainer) ZeroGrad() {
	for _, p := range t.Weights.Trainable() {
		t.Backend.Zero(p.Grad)
	}
	t.Decoder.TakeExpertLoad()
}
