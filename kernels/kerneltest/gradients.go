package kerneltest

import (
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// A gradCase checks the gradients of loss = Σ weight*output by central differences.
type gradCase struct {
	name   string
	params [][]float64 // what is differentiated
	loss   func(params [][]float64) float64
	grads  func(params [][]float64) [][]float64
}

// difference is the half step of central differences: the truncation error h² and the rounding
// error 2⁻⁵³/h balance near it.
const difference = 1e-5

// Gradients checks the gradient operations of a float64 backend, matrices of type F64, against
// central differences of its forward operations.
func Gradients(t *testing.T, b kernels.Backend) {
	e := newEnv(t, Guarded(b), "float64")
	for _, c := range e.gradCases() {
		t.Run(c.name, func(t *testing.T) {
			grads := c.grads(c.params)
			for p, param := range c.params {
				top := largestOf(grads[p])
				for i, v := range param {
					param[i] = v + difference
					up := c.loss(c.params)
					param[i] = v - difference
					down := c.loss(c.params)
					param[i] = v
					want := (up - down) / (2 * difference)
					if math.Abs(grads[p][i]-want) > 1e-7*max(1, top) || math.IsNaN(want) {
						t.Errorf("parameter %d, element %d: the gradient is %v, the difference quotient %v", p, i,
							grads[p][i], want)
						return
					}
				}
			}
		})
	}
}

// with uploads F64 matrices, runs f on them and returns them all.
func (e *env) with(shapes [][2]int, data [][]float64, f func(m []tensor.Mat)) [][]float64 {
	mark := e.arena.Mark()
	defer e.arena.Release(mark)
	mats := make([]tensor.Mat, len(shapes))
	for i, s := range shapes {
		mats[i] = e.arena.New(tensor.F64, s[0], s[1])
		if data[i] == nil {
			e.b.Zero(mats[i])
			continue
		}
		kernels.Upload(e.b, mats[i], data[i])
	}
	f(mats)
	all := make([][]float64, len(mats))
	for i, m := range mats {
		all[i] = make([]float64, m.Len())
		kernels.Download(e.b, all[i], m)
	}
	return all
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func (e *env) gradCases() []gradCase {
	r := random(21)
	const rows, ins, outs, eps = 3, 10, 7, 1e-3
	x, w, bias := normal(r, rows*ins, 1), normal(r, outs*ins, 1), normal(r, outs, 1)
	dy := normal(r, rows*outs, 1)
	wide := normal(r, rows*ins, 1) // a gradient or a second operand shaped like x
	norm := normal(r, ins, 1)
	xs, ws := [2]int{rows, ins}, [2]int{outs, ins}
	ends, gs := []int32{1, 1, 3}, [2]int{3 * outs, ins}
	grouped := normal(r, 3*outs*ins, 1)
	ys, bs, ns := [2]int{rows, outs}, [2]int{1, outs}, [2]int{1, ins}

	cases := []gradCase{{
		name:   "RMSNorm",
		params: [][]float64{x, norm},
		loss: func(p [][]float64) float64 {
			y := e.with([][2]int{xs, xs, ns}, [][]float64{nil, p[0], p[1]},
				func(m []tensor.Mat) { e.b.RMSNorm(m[0], m[1], m[2], eps) })
			return dot(y[0], wide)
		},
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{xs, ns, xs, xs, ns}, [][]float64{nil, nil, wide, p[0], p[1]}, func(m []tensor.Mat) {
				e.b.RMSNormGrad(m[0], m[1], m[2], m[3], m[4], eps)
			})[:2]
		},
	}, {
		name:   "MatMul",
		params: [][]float64{x, w, bias},
		loss: func(p [][]float64) float64 {
			y := e.with([][2]int{ys, xs, ws, bs}, [][]float64{nil, p[0], p[1], p[2]},
				func(m []tensor.Mat) { e.b.MatMul(m[0], m[1], m[2], m[3], false) })
			return dot(y[0], dy)
		},
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{xs, ws, bs, ys, xs, ws}, [][]float64{nil, nil, nil, dy, p[0], p[1]},
				func(m []tensor.Mat) {
					e.b.MatMulGradX(m[0], m[3], m[5], false)
					e.b.MatMulGradW(m[1], m[2], m[3], m[4])
				})[:3]
		},
	}, {
		name:   "GroupMatMul",
		params: [][]float64{x, grouped},
		loss: func(p [][]float64) float64 {
			y := e.with([][2]int{ys, xs, gs}, [][]float64{nil, p[0], p[1]},
				func(m []tensor.Mat) { e.b.GroupMatMul(m[0], m[1], m[2], ends) })
			return dot(y[0], dy)
		},
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{xs, gs, ys, xs, gs}, [][]float64{nil, nil, dy, p[0], p[1]}, func(m []tensor.Mat) {
				e.b.GroupMatMulGradX(m[0], m[2], m[4], ends, false)
				e.b.GroupMatMulGradW(m[1], m[2], m[3], ends)
			})[:2]
		},
	}, {
		name:   "SwiGLU",
		params: [][]float64{x, wide},
		loss: func(p [][]float64) float64 {
			y := e.with([][2]int{xs, xs, xs}, [][]float64{nil, p[0], p[1]},
				func(m []tensor.Mat) { e.b.SwiGLU(m[0], m[1], m[2]) })
			return dot(y[0], w[:rows*ins])
		},
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{xs, xs, xs, xs, xs}, [][]float64{nil, nil, w[:rows*ins], p[0], p[1]},
				func(m []tensor.Mat) {
					e.b.SwiGLUGrad(m[0], m[1], m[2], m[3], m[4])
				})[:2]
		},
	}}

	ids := []int32{2, 0, 2, 6, 2}
	gathered := [2]int{len(ids), ins}
	dg := normal(r, len(ids)*ins, 1)
	cases = append(cases, gradCase{
		name:   "Gather",
		params: [][]float64{w},
		loss: func(p [][]float64) float64 {
			return dot(e.with([][2]int{gathered, ws}, [][]float64{nil, p[0]},
				func(m []tensor.Mat) { e.b.Gather(m[0], m[1], ids) })[0], dg)
		},
		grads: func([][]float64) [][]float64 {
			return e.with([][2]int{ws, gathered}, [][]float64{nil, dg},
				func(m []tensor.Mat) { e.b.ScatterAdd(m[0], m[1], ids) })[:1]
		},
	})

	pos := []int32{0, 3, 1000}
	rotary := kernels.Rotary{Dim: 4, InvFreq: []float64{1, 0.01}, Scale: 1.2}
	turned, table := [2]int{rows, 8}, [2]int{rows, 4}
	dr := normal(r, rows*8, 1)
	rope := func(from []float64, inverse bool) []float64 {
		return e.with([][2]int{turned, turned, table}, [][]float64{nil, from, nil}, func(m []tensor.Mat) {
			e.b.RopeTable(m[2], pos, rotary)
			e.b.Rope(m[0], m[1], m[2], inverse)
		})[0]
	}
	cases = append(cases, gradCase{
		name:   "Rope",
		params: [][]float64{normal(r, rows*8, 1)},
		loss:   func(p [][]float64) float64 { return dot(rope(p[0], false), dr) },
		grads:  func([][]float64) [][]float64 { return [][]float64{rope(dr, true)} },
	})
	cases = append(cases, e.routeGradients(false), e.routeGradients(true))
	cases = append(cases, e.expertGradients()...)
	return append(cases, e.headGradients(), e.attentionGradients(0), e.attentionGradients(3))
}

// headGradients weighs log-probability and entropy, at several temperatures.
func (e *env) headGradients() gradCase {
	const rows, dim, vocab = 4, 5, 9
	h := newHeadCase(rows, dim, vocab)
	xs, ws, ss := [2]int{rows, dim}, [2]int{vocab, dim}, [2]int{rows, 3}
	score := func(p [][]float64) []float64 {
		return e.with([][2]int{ss, xs, ws}, [][]float64{nil, p[0], p[1]}, func(m []tensor.Mat) {
			e.b.LogProb(m[0], m[1], m[2], h.targets, h.invTemp)
		})[0]
	}
	return gradCase{
		name:   "LogProb",
		params: [][]float64{h.x, h.w},
		loss: func(p [][]float64) float64 {
			sum, stats := 0.0, score(p)
			for i := range rows {
				sum += float64(h.coefLogp[i])*stats[3*i] + float64(h.coefEntropy[i])*stats[3*i+1]
			}
			return sum
		},
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{xs, ws, ss, xs, ws}, [][]float64{nil, nil, score(p), p[0], p[1]},
				func(m []tensor.Mat) {
					e.b.LogProbGrad(m[0], m[1], m[2], m[3], m[4], h.targets, h.invTemp, h.coefLogp, h.coefEntropy)
				})[:2]
		},
	}
}

// attentionGradients has a prompt shared by two answers, and grouped heads.
func (e *env) attentionGradients(window int32) gradCase {
	a := kernels.Attention{Heads: 4, KVHeads: 2, Dim: 6, Scale: 0.4, Window: window, Queries: []kernels.Query{
		query(0, 4, span(0, 4)), query(4, 3, span(0, 4), span(4, 3)), query(7, 1, span(0, 4), span(4, 2), span(7, 1))}}
	const rows = 8
	r := random(22)
	qs, ks, ls := [2]int{rows, 24}, [2]int{rows, 12}, [2]int{rows, 4}
	do := normal(r, rows*24, 1)
	attend := func(p [][]float64) [][]float64 {
		return e.with([][2]int{qs, ls, qs, ks, ks}, [][]float64{nil, nil, p[0], p[1], p[2]}, func(m []tensor.Mat) {
			e.b.Attend(m[0], m[1], m[2], m[3], m[4], &a)
		})
	}
	return gradCase{
		name:   fmt.Sprintf("Attend, window %d", window),
		params: [][]float64{normal(r, rows*24, 1), normal(r, rows*12, 1), normal(r, rows*12, 1)},
		loss:   func(p [][]float64) float64 { return dot(attend(p)[0], do) },
		grads: func(p [][]float64) [][]float64 {
			f := attend(p)
			return e.with([][2]int{qs, ks, ks, qs, qs, ls, qs, ks, ks},
				[][]float64{nil, nil, nil, do, f[0], f[1], p[0], p[1], p[2]}, func(m []tensor.Mat) {
					e.b.AttendGrad(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], &a)
				})[:3]
		},
	}
}
