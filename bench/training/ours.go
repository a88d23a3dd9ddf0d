package main

import (
	"context"
	"time"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
)

// ours trains a model with the engine of this repository.
type ours struct {
	weights *model.Weights
	trainer *train.Trainer
	batches []forest.Forest
	steps   int
}

// initial is the scale of fresh weights, of one seed for every precision and for the peer.
var initial = model.Init{Embedding: .02, Matrix: .5, Residual: .1}

// fresh is a model to train, with fresh weights.
func fresh(b kernels.Backend, c model.Config, p model.Precision, batches []batch) (*ours, error) {
	o, err := newOurs(b, c, p, batches)
	if err == nil {
		o.weights.Initialize(b, 1, initial)
	}
	return o, err
}

// newOurs leaves the weights at zero.
func newOurs(b kernels.Backend, c model.Config, p model.Precision, batches []batch) (*ours, error) {
	w, err := model.NewWeights(b, c, p, model.Training)
	if err != nil {
		return nil, err
	}
	o := &ours{weights: w}
	tokens := 0
	for _, rows := range batches {
		var f forest.Forest
		for _, ids := range rows {
			f.Add(-1, ids, true)
		}
		o.batches = append(o.batches, f)
		tokens = max(tokens, f.Tokens())
	}
	if o.trainer, err = train.New(b, w, optim, forest.Limits{Batch: tokens}, model.KeepActivations); err != nil {
		w.Free()
		return nil, err
	}
	return o, nil
}

func (o *ours) free() {
	o.trainer.Free()
	o.weights.Free()
}

// step trains on the next batch. The loss is the mean negative log-likelihood.
func (o *ours) step() (seconds, loss float64, err error) {
	start := time.Now()
	f := o.batches[o.steps%len(o.batches)]
	o.steps++
	mean := func(_ []forest.ScoredToken, stats []model.Stat, dl, _ []float32) {
		for i := range dl {
			dl[i] = -1 / float32(len(stats))
		}
	}
	stats, err := o.trainer.Accumulate(context.Background(), f, mean)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range stats {
		loss -= float64(s.LogProb)
	}
	_, err = o.trainer.Update(1)
	return time.Since(start).Seconds(), loss / float64(len(stats)), err
}

// flops is the operations of a step: one on a backend that counts.
func flops(c model.Config, p model.Precision, batches []batch) (float64, error) {
	dry := tally.New(tally.Rates{})
	o, err := newOurs(dry, c, p, batches[:1])
	if err != nil {
		return 0, err
	}
	defer o.free()
	before := dry.Work.Total()
	_, _, err = o.step()
	return dry.Work.Total() - before, err
}
