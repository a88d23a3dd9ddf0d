package model

import (
	"slices"

	"spell/model/forest"
	"spell/tensor"
)

// embedForward writes the embedding of each token of a batch to x, Act [rows, hidden].
func (d *Decoder) embedForward(x tensor.Mat, ids []int32) { d.B.Gather(x, d.W.Embed.W, ids) }

// embedBackward adds dx, Acc [rows, hidden], the gradient of a batch's first input, to the
// embedding's gradient, or to e if the head adds to the same matrix. A frozen embedding gets none.
func (d *Decoder) embedBackward(dx tensor.Mat, ids []int32, e embedGradient) {
	if d.W.Embed.Grad.IsZero() {
		return
	}
	if e.rows.IsZero() {
		d.B.ScatterAdd(d.W.Embed.Grad, dx, ids)
		return
	}
	at := make([]int32, len(ids))
	for i, id := range ids {
		n, _ := slices.BinarySearch(e.ids, id)
		at[i] = int32(n)
	}
	d.B.ScatterAdd(e.rows, dx, at)
}

// An embedGradient holds the gradient that a tied embedding gets from the input of a bundle. The
// head adds to the same matrix; sums over batches of the two would otherwise interleave, and depend
// on the size of the batches.
type embedGradient struct {
	ids  []int32    // of the bundle, ascending, each once
	rows tensor.Mat // Acc [len(ids), hidden]; zero if the embedding is not tied or not trained
}

func (d *Decoder) newEmbedGradient(a *tensor.Arena, bundle *forest.Bundle) (e embedGradient) {
	if d.W.Head != d.W.Embed || d.W.Embed.Grad.IsZero() {
		return e
	}
	e.ids = slices.Clone(bundle.Shared.Ids)
	for i := range bundle.Branches {
		e.ids = append(e.ids, bundle.Branches[i].Ids...)
	}
	slices.Sort(e.ids)
	e.ids = slices.Compact(e.ids)
	e.rows = a.New(d.W.Acc, len(e.ids), d.W.Hidden)
	d.B.Zero(e.rows)
	return e
}

// addEmbedGradient adds what a bundle's input left in e to the gradient of the embedding.
func (d *Decoder) addEmbedGradient(e embedGradient) {
	if !e.rows.IsZero() {
		d.B.ScatterAdd(d.W.Embed.Grad, e.rows, e.ids)
	}
}
