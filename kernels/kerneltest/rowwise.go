package kerneltest

import (
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// rmsNorm tests RMSNorm and RMSNormGrad.
func (s *suite) rmsNorm(t *testing.T, ty types) {
	for _, shape := range [][2]int{{0, 16}, {1, 1}, {1, 8}, {9, 2}, {40, 6}, {7, 34}, {2, 15}, {5, 64},
		{17, 130}, {33, 257}, {4, 2304}, {310, 257}} {
		rows, cols := shape[0], shape[1]
		if s.quick && rows*cols > manyElements {
			continue
		}
		for _, eps := range []float64{1e-6, 1e-5}[:1+cols%2] {
			r := random(3, rows, cols)
			id := fmt.Sprintf(" [%d, %d] eps %g", rows, cols, eps)
			x := normal(r, rows*cols, 3)
			if rows > 1 {
				clear(x[:cols]) // a row of zeros rests on eps alone
			}
			w := normal(r, cols, 1)
			s.check(t, call{name: "RMSNorm" + id, rows: rows, unit: ty.unit(),
				operands: []operand{
					out("y", ty.out, rows, cols, 16, each).perRow(),
					in("x", ty.out, rows, cols, x).perRow(),
					in("w", ty.in, 1, cols, w)},
				run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.RMSNorm(m[0], m[1], m[2], eps) }})
			dx := out("dx", ty.out, rows, cols, 32+float64(cols)/32, largest).from(normal(r, rows*cols, 1)).perRow()
			backward := call{name: "RMSNormGrad" + id, rows: rows, unit: ty.unit(),
				operands: []operand{dx, dx,
					out("dw", ty.acc, 1, cols, 32+float64(cols)/32, largest).from(normal(r, cols, 1)),
					in("dy", ty.out, rows, cols, normal(r, rows*cols, 1)).perRow(),
					in("x", ty.out, rows, cols, x).perRow(),
					in("w", ty.in, 1, cols, w)},
				run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
					b.RMSNormGrad(m[0], tensor.Mat{}, m[3], m[4], m[5], eps)
					b.RMSNormGrad(m[1], m[2], m[3], m[4], m[5], eps)
				}}
			s.check(t, backward)
			s.alike(t, backward, 0, 1)
		}
	}
}

// rope tests RopeTable and Rope.
func (s *suite) rope(t *testing.T, ty types) {
	for i, dim := range []int{2, 8, 16, 32, 40, 64, 128, 256, 4, 6, 10, 34, 44, 94, 110, 254} {
		for _, rows := range []int{0, 1, 5, 35, 600} {
			if rows == 600 && (dim != 40 || s.quick) {
				continue // once is enough work for every worker
			}
			heads := []int{1, 3, 16}[(i+rows)%3]
			r := random(4, dim, rows)
			rotary := kernels.Rotary{Dim: dim, Scale: []float64{1, 1.2079441541679836}[i%2]}
			for j := range dim / 2 {
				rotary.InvFreq = append(rotary.InvFreq, math.Pow(1e6, -2*float64(j)/float64(dim)))
			}
			pos := make([]int32, rows)
			for i := range pos {
				pos[i] = int32(r.IntN(1 << 20)) // far: the angle needs float64
			}
			id := fmt.Sprintf(" dim %d, %d heads, %d rows", dim, heads, rows)
			s.check(t, call{name: "RopeTable" + id, rows: rows, unit: ty.unit(),
				// math.Sincos is good to 2⁻⁵³ of the angle, at most 2²⁰.
				operands: []operand{out("cs", ty.acc, rows, dim, angleUnits(ty), largest).perRow()},
				run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
					p := make([]int32, len(rows))
					for i, row := range rows {
						p[i] = pos[row]
					}
					b.RopeTable(m[0], p, rotary)
				}})
			cs := make([]float64, 0, rows*dim)
			for _, p := range pos {
				for j := range dim {
					sin, cos := math.Sincos(float64(p) * rotary.InvFreq[j%(dim/2)])
					if j < dim/2 {
						sin = cos
					}
					cs = append(cs, sin*rotary.Scale)
				}
			}
			x := normal(r, rows*heads*dim, 1)
			for _, inverse := range []bool{false, true} {
				s.check(t, call{name: fmt.Sprintf("Rope%s inverse %v", id, inverse), rows: rows, unit: ty.unit(),
					operands: []operand{
						out("y", ty.out, rows, heads*dim, 4, largest).perRow(),
						in("x", ty.in, rows, heads*dim, x).perRow(),
						in("cs", ty.acc, rows, dim, cs).perRow()},
					run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Rope(m[0], m[1], m[2], inverse) }})
				s.check(t, call{name: fmt.Sprintf("Rope in place%s inverse %v", id, inverse), rows: rows,
					unit: ty.unit(),
					operands: []operand{
						out("y", ty.in, rows, heads*dim, 4, largest).from(x).perRow(),
						in("cs", ty.acc, rows, dim, cs).perRow()},
					run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Rope(m[0], m[0], m[1], inverse) }})
			}
		}
	}
}

// angleUnits allows a float64 table the rounding of its angles.
func angleUnits(ty types) float64 {
	if ty.acc == tensor.F64 {
		return 1 << 21
	}
	return 1
}

// swiGLU tests SwiGLU and SwiGLUGrad, far into both tails of the sigmoid.
func (s *suite) swiGLU(t *testing.T, ty types) {
	for _, shape := range [][2]int{{0, 3}, {1, 1}, {3, 16}, {5, 31}, {19, 200}, {2, 2311}, {310, 257}} {
		rows, cols := shape[0], shape[1]
		if s.quick && rows*cols > manyElements {
			continue
		}
		r := random(5, rows, cols)
		gate := normal(r, rows*cols, 4)
		for i, v := range []float64{0, 30, -30, 80, -80, 87.5, -87.5, 89, -89, 200, -200, 1e4, -1e4} {
			if i < cols {
				for row := range rows {
					gate[row*cols+(i+row)%cols] = v
				}
			}
		}
		up := normal(r, rows*cols, 1)
		id := fmt.Sprintf(" [%d, %d]", rows, cols)
		s.check(t, call{name: "SwiGLU" + id, rows: rows, unit: ty.unit(),
			operands: []operand{
				out("y", ty.out, rows, cols, 32, each).perRow(),
				in("gate", ty.in, rows, cols, gate).perRow(),
				in("up", ty.in, rows, cols, up).perRow()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.SwiGLU(m[0], m[1], m[2]) }})
		s.check(t, call{name: "SwiGLUGrad" + id, rows: rows, unit: ty.unit(),
			operands: []operand{
				out("dgate", ty.out, rows, cols, 32, largest).perRow(),
				out("dup", ty.out, rows, cols, 32, each).perRow(),
				in("dy", ty.out, rows, cols, normal(r, rows*cols, 1)).perRow(),
				in("gate", ty.in, rows, cols, gate).perRow(),
				in("up", ty.in, rows, cols, up).perRow()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.SwiGLUGrad(m[0], m[1], m[2], m[3], m[4]) }})
	}
}
