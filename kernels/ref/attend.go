package ref

import (
	"math"
	"slices"

	"spell/kernels"
	"spell/tensor"
)

// Attend computes softmax attention over key spans.
func (*Backend[T]) Attend(o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	kernels.CheckAttention("Attend", q, k, v, a)
	kernels.CheckShape("Attend", "o", o, q.Rows, q.Cols)
	if !lse.IsZero() {
		kernels.CheckShape("Attend", "lse", lse, q.Rows, a.Heads)
	}
	O, L, V := open[T](o), open[T](lse), open[T](v)
	s := newScorer[T](q, k, a)
	sums := make([]T, a.Dim)
	for _, query := range a.Queries {
		for i := range int(query.Len) {
			row, runs := int(query.Row)+i, seenRuns(a, query, i)
			for h := range a.Heads {
				c := h / (a.Heads / a.KVHeads) * a.Dim
				top, sum := T(math.Inf(-1)), T(0)
				clear(sums)
				for _, keys := range runs {
					z, runTop, runSum := s.scores(row, h, keys)
					was := top
					top = max(top, runTop)
					f, g := exp(was-top), exp(runTop-top)
					sum = sum*f + runSum*g
					for d := range a.Dim {
						var acc T
						for n, kr := range keys {
							acc += tensor.Round(v.Type, exp(z[n]-runTop)) * V.at(kr, c+d)
						}
						sums[d] = sums[d]*f + acc*g
					}
				}
				if !lse.IsZero() {
					L.set(row, h, top+log(sum))
				}
				for d := range a.Dim {
					O.set(row, h*a.Dim+d, sums[d]/sum)
				}
			}
		}
	}
}

// AttendGrad computes the gradient of Attend.
func (*Backend[T]) AttendGrad(dq, dk, dv, do, o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	kernels.CheckAttention("AttendGrad", q, k, v, a)
	for _, m := range []tensor.Mat{dq, do, o} {
		kernels.CheckShape("AttendGrad", "dq, do or o", m, q.Rows, q.Cols)
	}
	for _, m := range []tensor.Mat{dk, dv} {
		kernels.CheckShape("AttendGrad", "dk or dv", m, k.Rows, k.Cols)
	}
	kernels.CheckShape("AttendGrad", "lse", lse, q.Rows, a.Heads)
	DQ, DK, DV, DO, O := open[T](dq), open[T](dk), open[T](dv), open[T](do), open[T](o)
	L, Q, K, V := open[T](lse), open[T](q), open[T](k), open[T](v)
	s := newScorer[T](q, k, a)
	sum := make([]T, a.Dim)
	for _, query := range a.Queries {
		for i := range int(query.Len) {
			row, seen := int(query.Row)+i, slices.Concat(seenRuns(a, query, i)...)
			for h := range a.Heads {
				z, _, _ := s.scores(row, h, seen)
				c, hc := h/(a.Heads/a.KVHeads)*a.Dim, h*a.Dim
				var delta T
				for d := range a.Dim {
					delta += DO.at(row, hc+d) * O.at(row, hc+d)
				}
				clear(sum)
				for n, kr := range seen {
					p := exp(z[n] - L.at(row, h))
					var dp T
					for d := range a.Dim {
						dp += DO.at(row, hc+d) * V.at(kr, c+d)
					}
					ds := tensor.Round(k.Type, p*(dp-delta)*T(a.Scale))
					p = tensor.Round(do.Type, p)
					for d := range a.Dim {
						sum[d] += ds * K.at(kr, c+d)
						DK.add(kr, c+d, ds*Q.at(row, hc+d))
						DV.add(kr, c+d, p*DO.at(row, hc+d))
					}
				}
				for d := range a.Dim {
					DQ.set(row, hc+d, sum[d])
				}
			}
		}
	}
}

// seenRuns returns the rows of k that row i of a query sees, in runs.
func seenRuns(a *kernels.Attention, q kernels.Query, i int) (runs [][]int) {
	shown := q.Keys() - int(q.Len) + i + 1
	hidden := a.Hidden(shown)
	key, block := 0, 0
	for _, s := range q.Spans {
		for n := range int(s.Len) {
			if n%kernels.KeyBlock == 0 {
				if block%kernels.RunBlocks == 0 {
					runs = append(runs, nil)
				}
				block++
			}
			if hidden <= key && key < shown {
				last := &runs[len(runs)-1]
				*last = append(*last, int(s.Row)+n)
			}
			key++
		}
	}
	return slices.DeleteFunc(runs, func(keys []int) bool { return len(keys) == 0 })
}

// A scorer computes the scores of one query row and head after the other.
type scorer[T tensor.Float] struct {
	q, k mat[T]
	a    *kernels.Attention
	z    []T
}

func newScorer[T tensor.Float](q, k tensor.Mat, a *kernels.Attention) *scorer[T] {
	return &scorer[T]{q: open[T](q), k: open[T](k), a: a, z: make([]T, k.Rows)}
}

// scores returns the scaled products of query row and head with the keys, their maximum, and the
// sum of exp(z - maximum). z is valid until the next call.
func (s *scorer[T]) scores(row, h int, keys []int) (z []T, top, sum T) {
	for len(s.z) < len(keys) {
		s.z = append(s.z, 0)
	}
	z = s.z[:len(keys)]
	top = T(math.Inf(-1))
	c := h / (s.a.Heads / s.a.KVHeads) * s.a.Dim
	for n, kr := range keys {
		var dot T
		for d := range s.a.Dim {
			dot += s.q.at(row, h*s.a.Dim+d) * s.k.at(kr, c+d)
		}
		z[n] = dot * T(s.a.Scale)
		top = max(top, z[n])
	}
	for _, v := range z {
		sum += exp(v - top)
	}
	return z, top, sum
}
