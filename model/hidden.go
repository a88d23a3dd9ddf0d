package model

import (
	"context"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// Hidden calls each with the last hidden states of every sequence of ids, in their order: a row of
// Config.Hidden numbers per token, as the final norm leaves them. A sequence has at most as many tokens as a
// batch of the decoder's. What comes of one does not depend on the others. It stops between two layers with
// ctx's error.
func (d *Decoder) Hidden(ctx context.Context, sequences [][]int32, each func(i int, rows []float32)) error {
	f := make(forest.Forest, len(sequences))
	for i, ids := range sequences {
		f[i] = forest.Segment{Parent: -1, Tokens: ids}
	}
	l, err := forest.NewLayout(f, d.limits)
	if err != nil {
		return err
	}
	i := 0
	for _, bundle := range l.Bundles {
		for k := range bundle.Branches {
			batch := &bundle.Branches[k]
			all := make([]float32, len(batch.Ids)*d.W.Hidden)
			err := d.lastRows(ctx, batch, func(x tensor.Mat) error {
				kernels.Download(d.B, all, x)
				return nil
			})
			if err != nil {
				return err
			}
			for len(all) > 0 {
				n := len(sequences[i]) * d.W.Hidden
				each(i, all[:n])
				all = all[n:]
				i++
			}
		}
	}
	return nil
}

// lastRows runs a batch of branches of no shared segment through the blocks and the final norm, all rows of
// it, and calls do with what comes out, Act [rows, hidden], which is there until do returns.
func (d *Decoder) lastRows(ctx context.Context, batch *forest.Batch, do func(x tensor.Mat) error) error {
	defer d.arena.Release(d.arena.Mark())
	batch.LiveRows, batch.LastQueries = nil, batch.Queries
	kv := d.newBundleKV(d.arena, 0, len(batch.Ids), false)
	p := d.newBatchPass(d.arena, batch, 0)
	if err := d.forwardBatch(ctx, p, kv); err != nil {
		return err
	}
	d.B.RMSNorm(p.x[0], p.out, d.W.Norm.W, d.W.NormEps)
	return do(p.x[0])
}
