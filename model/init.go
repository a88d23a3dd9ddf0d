package model

import (
	"math"
	"slices"

	"spell/kernels"
	"spell/tensor/rng"
)

// An Init gives the standard deviations of fresh weights: of the embedding itself, and of other
// matrices times sqrt(fan-in). Norms start at 1, biases at 0.
//
// A small decoder needs a large embedding and small residual matrices, or its layers drown the
// identity of the tokens before there is anything to copy.
type Init struct {
	Embedding float64 `json:"embedding" doc:"standard deviation of embeddings"`
	Matrix    float64 `json:"matrix" doc:"of matrices, times the root of their inputs"`
	Residual  float64 `json:"residual" doc:"factor on those that write to the residual stream"`
}

// Initialize fills fresh weights from the seed.
func (w *Weights) Initialize(b kernels.Backend, seed uint64, in Init) {
	var v []float32
	for i, p := range w.Params {
		r := rng.At(seed, rng.Init, uint64(i), 0, 0)
		mean, std := 0.0, 0.0
		switch p.Kind {
		case Embedding:
			std = in.Embedding
		case Matrix, Router:
			std = in.Matrix / math.Sqrt(float64(p.Cols))
		case Residual:
			std = in.Residual / math.Sqrt(float64(p.Cols))
		case Norm:
			mean = 1
		}
		for from, to := range kernels.RowChunks(p.Rows, p.Cols) {
			n := (to - from) * p.Cols
			v = slices.Grow(v[:0], n)[:n]
			for j := range v {
				v[j] = float32(mean)
				if std > 0 {
					v[j] = float32(std * r.Normal())
				}
			}
			SetRows(b, p, from, v)
		}
	}
}
