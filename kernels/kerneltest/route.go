package kerneltest

import (
	"fmt"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// routeCases are rows, experts and experts per row.
var routeCases = [][3]int{
	{0, 8, 2}, {1, 1, 1}, {3, 8, 8}, {5, 33, 1}, {17, 128, 8}, {40, 8, 3}, {3, 300, 5}, {300, 64, 6},
}

// route tests Route and RouteGrad; logits of every third row are mostly equal.
func (s *suite) route(t *testing.T, ty types) {
	for _, c := range routeCases {
		rows, experts, k := c[0], c[1], c[2]
		if s.quick && rows*experts > manyElements {
			continue
		}
		r := random(23, rows, experts, k)
		data := normal(r, rows*experts, 2)
		for i := range data {
			if i/experts%3 == 1 && i%5 != 0 {
				data[i] = float64(i % 2)
			}
		}
		logits := in("logits", ty.out, rows, experts, data).perRow()
		for _, normalize := range []bool{false, true} {
			id := fmt.Sprintf(" %v normalize %v", c, normalize)
			var ids []int32 // of all rows, by the oracle, whose logits are the same
			forward := call{name: "Route" + id, rows: rows, unit: ty.unit(),
				operands: []operand{
					out("weights", ty.out, rows, k, 64, each).perRow(),
					out("ids", ty.acc, rows, k, 0, exact).perRow(),
					logits},
				run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
					chosen := make([]int32, len(rows)*k)
					b.Route(chosen, m[0], m[2], normalize)
					for i := range rows { // row by row, since there may be gaps between them
						kernels.Upload(b, m[1].Slice(i, i+1), floats(chosen[i*k:][:k]))
					}
					ids = chosen
				}}
			s.check(t, forward)
			exact := s.oracle.exec(t, forward.inF64(false), packed, upTo(rows))[0]
			weights := roundAll(ty.out, values(tensor.F64, exact))
			all := slices.Clone(ids)
			s.check(t, call{name: "RouteGrad" + id, rows: rows, unit: ty.unit(),
				operands: []operand{
					out("dlogits", ty.in, rows, experts, 64, largest).atLeast(1).perRow(),
					in("dweights", ty.out, rows, k, normal(r, rows*k, 1)).perRow(),
					in("weights", ty.out, rows, k, weights).perRow(),
					logits},
				run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
					var chosen []int32
					for _, row := range rows {
						chosen = append(chosen, all[row*k:][:k]...)
					}
					b.RouteGrad(m[0], m[1], m[2], m[3], chosen, normalize)
				}})
		}
	}
}

// floats returns ids as numbers.
func floats(ids []int32) []float64 {
	v := make([]float64, len(ids))
	for i, id := range ids {
		v[i] = float64(id)
	}
	return v
}

// gatherAdd tests GatherAdd, with rows of x that are taken often and not at all.
func (s *suite) gatherAdd(t *testing.T, ty types) {
	for _, c := range [][4]int{{0, 0, 3, 8}, {1, 1, 1, 1}, {2, 0, 3, 8}, {5, 3, 7, 33}, {19, 8, 200, 1100},
		{70, 4, 300, 130}} {
		rows, k, table, cols := c[0], c[1], c[2], c[3]
		r := random(24, rows, k, table, cols)
		from := make([]int32, rows*k)
		for i := range from {
			from[i] = int32(r.IntN(table))
		}
		s.check(t, call{name: fmt.Sprintf("GatherAdd %v", c), rows: rows, unit: ty.unit(),
			operands: []operand{
				out("y", ty.out, rows, cols, 8, sums).from(normal(r, rows*cols, 1)).perRow(),
				in("x", ty.in, table, cols, normal(r, table*cols, 1))},
			run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
				var chosen []int32
				for _, row := range rows {
					chosen = append(chosen, from[row*k:][:k]...)
				}
				b.GatherAdd(m[0], m[1], chosen)
			}})
	}
}

// scaledSwiGLU tests ScaledSwiGLU and ScaledSwiGLUGrad.
func (s *suite) scaledSwiGLU(t *testing.T, ty types) {
	for _, shape := range [][2]int{{0, 3}, {1, 1}, {3, 16}, {5, 31}, {19, 200}, {2, 2311}, {310, 257}} {
		rows, cols := shape[0], shape[1]
		if s.quick && rows*cols > manyElements {
			continue
		}
		r := random(25, rows, cols)
		scale := normal(r, rows, 1)
		if rows > 1 {
			scale[1] = 0
		}
		id := fmt.Sprintf(" [%d, %d]", rows, cols)
		gate := in("gate", ty.in, rows, cols, normal(r, rows*cols, 4)).perRow()
		up := in("up", ty.in, rows, cols, normal(r, rows*cols, 1)).perRow()
		factor := in("scale", ty.acc, rows, 1, scale).perRow()
		s.check(t, call{name: "ScaledSwiGLU" + id, rows: rows, unit: ty.unit(),
			operands: []operand{out("y", ty.out, rows, cols, 32, each).perRow(), gate, up, factor},
			run:      func(b kernels.Backend, m []tensor.Mat, _ []int) { b.ScaledSwiGLU(m[0], m[1], m[2], m[3]) }})
		s.check(t, call{name: "ScaledSwiGLUGrad" + id, rows: rows, unit: ty.unit(),
			operands: []operand{
				out("dgate", ty.out, rows, cols, 32, largest).perRow(),
				out("dup", ty.out, rows, cols, 32, each).perRow(),
				out("dscale", ty.acc, rows, 1, 32+float64(cols)/8, largest).atLeast(1).perRow(),
				in("dy", ty.out, rows, cols, normal(r, rows*cols, 1)).perRow(), gate, up, factor},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				b.ScaledSwiGLUGrad(m[0], m[1], m[2], m[3], m[4], m[5], m[6])
			}})
	}
}

// routeGradients weighs the weights of two experts of five.
func (e *env) routeGradients(normalize bool) gradCase {
	const rows, experts, k = 4, 5, 2
	r := random(26)
	zs, ws := [2]int{rows, experts}, [2]int{rows, k}
	dw, ids := normal(r, rows*k, 1), make([]int32, rows*k)
	weights := func(p [][]float64) []float64 {
		return e.with([][2]int{ws, zs}, [][]float64{nil, p[0]},
			func(m []tensor.Mat) { e.b.Route(ids, m[0], m[1], normalize) })[0]
	}
	return gradCase{
		name:   fmt.Sprintf("Route normalize %v", normalize),
		params: [][]float64{normal(r, rows*experts, 1)},
		loss:   func(p [][]float64) float64 { return dot(weights(p), dw) },
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{zs, ws, ws, zs}, [][]float64{nil, dw, weights(p), p[0]}, func(m []tensor.Mat) {
				e.b.RouteGrad(m[0], m[1], m[2], m[3], ids, normalize)
			})[:1]
		},
	}
}

// expertGradients checks ScaledSwiGLU, and that GatherAdd is the gradient of Gather's kind.
func (e *env) expertGradients() []gradCase {
	const rows, cols, few = 3, 6, 2
	r := random(27)
	xs, ss, many := [2]int{rows, cols}, [2]int{rows, 1}, [2]int{rows * few, cols}
	dy, wide := normal(r, rows*cols, 1), normal(r, rows*few*cols, 1)
	from := []int32{5, 0, 3, 1, 2, 4} // each row once
	to := make([]int32, len(from))    // the row of y that takes it
	for i, f := range from {
		to[f] = int32(i / few)
	}
	return []gradCase{{
		name:   "ScaledSwiGLU",
		params: [][]float64{normal(r, rows*cols, 1), normal(r, rows*cols, 1), normal(r, rows, 1)},
		loss: func(p [][]float64) float64 {
			return dot(e.with([][2]int{xs, xs, xs, ss}, [][]float64{nil, p[0], p[1], p[2]},
				func(m []tensor.Mat) { e.b.ScaledSwiGLU(m[0], m[1], m[2], m[3]) })[0], dy)
		},
		grads: func(p [][]float64) [][]float64 {
			return e.with([][2]int{xs, xs, ss, xs, xs, xs, ss}, [][]float64{nil, nil, nil, dy, p[0], p[1], p[2]},
				func(m []tensor.Mat) { e.b.ScaledSwiGLUGrad(m[0], m[1], m[2], m[3], m[4], m[5], m[6]) })[:3]
		},
	}, {
		name:   "GatherAdd",
		params: [][]float64{wide},
		loss: func(p [][]float64) float64 {
			return dot(e.with([][2]int{xs, many}, [][]float64{nil, p[0]},
				func(m []tensor.Mat) { e.b.GatherAdd(m[0], m[1], from) })[0], dy)
		},
		grads: func([][]float64) [][]float64 {
			return e.with([][2]int{many, xs}, [][]float64{nil, dy},
				func(m []tensor.Mat) { e.b.Gather(m[0], m[1], to) })[:1]
		},
	}}
}
