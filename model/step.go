package model

import (
	"context"
	"fmt"

	"spell/model/forest"
)

// A Loss turns what the head says of scored tokens into the derivatives of the minimised loss with
// respect to each log-probability and entropy. It sees no matrix; every objective, from next-token
// training to GRPO, is such a function. It is called once per batch of branches, then for the
// shared segments, with all scored tokens that lie there. All four slices have one entry per token.
type Loss func(scored []forest.ScoredToken, stats []Stat, dLogProb, dEntropy []float32)

// Score computes the statistics of the scored tokens of a forest, in the order of segments. It
// stops between two layers with ctx's error.
func (d *Decoder) Score(ctx context.Context, f forest.Forest) ([]Stat, error) {
	l, err := forest.NewLayout(f, d.limits)
	if err != nil {
		return nil, err
	}
	return d.runLayout(ctx, l, nil)
}

// Step runs a forest forward, asks the loss for its derivatives and runs backward, adding to the
// gradients of the weights. It returns the statistics of the scored tokens, in the order of
// segments. It stops between two layers with ctx's error; the gradients then hold a part of the
// step's and have to be cleared.
func (d *Decoder) Step(ctx context.Context, f forest.Forest, loss Loss) ([]Stat, error) {
	if !d.W.Trained() {
		return nil, fmt.Errorf("the weights were loaded without gradients")
	}
	l, err := forest.NewLayout(f, d.limits)
	if err != nil || len(l.Scored) == 0 {
		return nil, err
	}
	d.count = true
	defer func() { d.count = false }()
	return d.runLayout(ctx, l, loss)
}

// A stepState is one forest under way. Its lists have an entry per scored token, in the layout's
// order.
type stepState struct {
	*Decoder
	layout             *forest.Layout
	raw                []float64 // three per token: what LogProb leaves
	stats              []Stat
	dLogProb, dEntropy []float32 // what the loss said
}

func (d *Decoder) newStepState(l *forest.Layout) *stepState {
	n := len(l.Scored)
	return &stepState{Decoder: d, layout: l, raw: make([]float64, 3*n), stats: make([]Stat, n),
		dLogProb: make([]float32, n), dEntropy: make([]float32, n)}
}

// runLayout scores a forest and, with a loss, adds its gradients.
func (d *Decoder) runLayout(ctx context.Context, l *forest.Layout, loss Loss) ([]Stat, error) {
	s := d.newStepState(l)
	for i := range l.Bundles {
		if err := s.bundle(ctx, &l.Bundles[i], loss); err != nil {
			return nil, err
		}
	}
	return s.stats, nil
}

// bundle scores the trees of a bundle and, with a loss, adds their gradients: shared segments
// forward, branches forward and backward, shared segments backward.
func (s *stepState) bundle(ctx context.Context, bundle *forest.Bundle, loss Loss) error {
	defer s.arena.Release(s.arena.Mark())
	shared, batch := len(bundle.Shared.Ids), 0
	for i := range bundle.Branches {
		batch = max(batch, len(bundle.Branches[i].Ids))
	}
	kv := s.newBundleKV(s.arena, shared, batch, loss != nil)
	var e embedGradient
	if loss != nil {
		e = s.newEmbedGradient(s.arena, bundle)
	}
	p := s.newBatchPass(s.arena, &bundle.Shared, 0)
	if err := s.sharedForward(ctx, p, kv); err != nil {
		return err
	}
	for i := range bundle.Branches {
		if err := s.branches(ctx, &bundle.Branches[i], kv, shared, e, loss); err != nil {
			return err
		}
	}
	if loss == nil {
		return nil
	}
	if err := s.sharedBackward(ctx, p, kv, e, loss); err != nil {
		return err
	}
	s.addEmbedGradient(e)
	return nil
}

// sharedForward scores the shared segments of a bundle, if there are any, and leaves their keys and
// values in kv, with gradients of zero for the branches to add to.
func (s *stepState) sharedForward(ctx context.Context, p *pass, kv bundleKV) error {
	if p.rows == 0 {
		return nil
	}
	mark := s.arena.Mark()
	for l := range kv.dk {
		s.B.Zero(layerRows(kv.dk, l, 0, p.rows))
		s.B.Zero(layerRows(kv.dv, l, 0, p.rows))
	}
	if err := s.forwardBatch(ctx, p, kv); err != nil {
		return err
	}
	if err := s.headForward(ctx, p); err != nil {
		return err
	}
	if !s.keep {
		s.arena.Release(mark)
	}
	return nil
}

// sharedBackward adds the gradients of the shared segments of a bundle, if there are any.
func (s *stepState) sharedBackward(ctx context.Context, p *pass, kv bundleKV, e embedGradient, loss Loss) error {
	if p.rows == 0 {
		return nil
	}
	s.callLoss(loss, p.batch)
	g := newGradients(s.arena, &s.W.Config, s.W.Precision, p.rows, s.mlpRows(p.rows))
	p.mark = s.arena.Mark()
	if err := s.headBackward(ctx, p, g.dh); err != nil {
		return err
	}
	return s.backwardBatch(ctx, p, kv, &g, e, true)
}

// branches scores one batch of branches whose keys begin at row base and, with a loss, adds their
// gradients.
func (s *stepState) branches(ctx context.Context, batch *forest.Batch, kv bundleKV, base int,
	e embedGradient, loss Loss) error {
	if len(batch.Ids) == 0 {
		s.callLoss(loss, batch)
		return nil
	}
	defer s.arena.Release(s.arena.Mark())
	p := s.newBatchPass(s.arena, batch, base)
	var g gradients
	if loss != nil {
		g = newGradients(s.arena, &s.W.Config, s.W.Precision, p.rows, s.mlpRows(p.rows))
	}
	if err := s.forwardBatch(ctx, p, kv); err != nil {
		return err
	}
	if err := s.headForward(ctx, p); err != nil || loss == nil {
		return err
	}
	s.callLoss(loss, batch)
	if err := s.headBackward(ctx, p, g.dh); err != nil {
		return err
	}
	return s.backwardBatch(ctx, p, kv, &g, e, false)
}

// callLoss calls the loss, if there is one, for the scored tokens that lie in a batch.
func (s *stepState) callLoss(loss Loss, batch *forest.Batch) {
	n := len(batch.ScoredHere)
	if n == 0 || loss == nil {
		return
	}
	scored, stats := make([]forest.ScoredToken, n), make([]Stat, n)
	dLogProb, dEntropy := make([]float32, n), make([]float32, n)
	for i, k := range batch.ScoredHere {
		scored[i], stats[i] = s.layout.Scored[k], s.stats[k]
	}
	loss(scored, stats, dLogProb, dEntropy)
	for i, k := range batch.ScoredHere {
		s.dLogProb[k], s.dEntropy[k] = dLogProb[i], dEntropy[i]
	}
}
