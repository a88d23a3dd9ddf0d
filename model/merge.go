package model

import (
	"spell/kernels"
	"spell/tensor"
)

// Merge maps a copy of w in precision p, to generate and score with, whose matrices have their
// adapters folded in: W + scale·B·A, in f32 from the master copies, rounded once.
func Merge(b kernels.Backend, w *Weights, p Precision) (*Weights, error) {
	m, err := NewWeights(b, w.Config, p, Inference)
	if err != nil {
		return nil, err
	}
	merger, err := NewMerger(b, w)
	if err != nil {
		m.Free()
		return nil, err
	}
	defer merger.Free()
	for i, q := range m.Params {
		for from, to := range kernels.RowChunks(q.Rows, q.Cols) {
			sum := merger.Rows(w.Params[i], from, to)
			if q.W.Type == tensor.I8 {
				b.Quantize(q.W.Slice(from, to), sum)
			} else {
				b.Copy(q.W.Slice(from, to), sum)
			}
		}
	}
	return m, nil
}

// A Merger computes matrices with their adapters folded in, some rows at a time, so that a file can be
// written of them without the memory of another model.
type Merger struct {
	b     kernels.Backend
	w     *Weights
	arena *tensor.Arena
}

// NewMerger maps scratch for the matrices of w.
func NewMerger(b kernels.Backend, w *Weights) (*Merger, error) {
	m := &Merger{b: b, w: w}
	plan := tensor.PlanArena()
	for _, p := range w.Params {
		for from, to := range kernels.RowChunks(p.Rows, p.Cols) {
			m.carve(plan, p, to-from)
			break // the first chunk is the largest
		}
	}
	var err error
	m.arena, err = b.Alloc("merging", plan.Peak())
	return m, err
}

// Free unmaps the scratch.
func (m *Merger) Free() error { return m.arena.Free() }

// carve lays out what n rows of a matrix take: their sum, Acc [n, in], and rows of B times the scale,
// Acc [n, rank].
func (m *Merger) carve(a *tensor.Arena, p *Param, n int) (sum, low tensor.Mat) {
	a.Release(0)
	sum = a.New(m.w.Acc, n, p.Cols)
	if p.Adapter != nil {
		low = a.New(m.w.Acc, n, p.Adapter.Rank())
	}
	return sum, low
}

// Rows returns rows [from, to) of a parameter of the weights, no more than a chunk of
// kernels.RowChunks: its master copy, plus what its adapter adds. They hold until the next call.
func (m *Merger) Rows(p *Param, from, to int) tensor.Mat {
	sum, low := m.carve(m.arena, p, to-from)
	m.b.Copy(sum, p.Stored().Slice(from, to))
	if ad := p.Adapter; ad != nil {
		m.b.Scale(low, ad.B.Stored().Slice(from, to), ad.Scale())
		m.b.MatMulGradX(sum, low, ad.A.Stored(), true)
	}
	return sum
}

// Stored returns the most precise values of a parameter: those that a file gets.
func (p *Param) Stored() tensor.Mat {
	if p.Master.IsZero() {
		return p.W
	}
	return p.Master
}
