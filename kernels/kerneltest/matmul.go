package kerneltest

import (
	"fmt"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// matMulShapes are rows, in, out: odd sizes, remainders of every tile, one long reduction.
var matMulShapes = [][3]int{
	{0, 16, 16}, {1, 1, 1}, {1, 16, 16}, {1, 64, 100}, {1, 257, 33}, {2, 15, 17}, {3, 8, 3}, {4, 100, 129},
	{5, 33, 48}, {7, 64, 64}, {8, 40, 31}, {13, 129, 65}, {16, 16, 16}, {17, 96, 100}, {31, 50, 7},
	{33, 72, 80}, {65, 64, 96}, {130, 48, 40}, {2, 2500, 19}, {300, 17, 33}, {9, 130, 700}, {140, 130, 150},
}

// matMul tests MatMul, MatMulGradX and MatMulGradW.
func (s *suite) matMul(t *testing.T, ty types) {
	for n, shape := range matMulShapes {
		if s.quick && n%2 == 1 {
			continue
		}
		rows, ins, outs := shape[0], shape[1], shape[2]
		r := random(6, rows, ins, outs)
		x := in("x", ty.in, rows, ins, normal(r, rows*ins, 1)).perRow()
		w := in("w", ty.in, outs, ins, normal(r, outs*ins, 1)).weights()
		dy := in("dy", ty.in, rows, outs, normal(r, rows*outs, 1)).perRow()
		for _, acc := range []bool{false, true} {
			for _, bias := range []bool{false, true} {
				y := out("y", ty.out, rows, outs, 16, sums).perRow()
				if acc {
					y = y.from(normal(r, rows*outs, 1))
				}
				b := in("bias", ty.in, 1, outs, normal(r, outs, 1))
				s.check(t, call{name: fmt.Sprintf("MatMul %v acc %v bias %v", shape, acc, bias), rows: rows,
					unit:     ty.unit(),
					operands: []operand{y, x, w, b},
					run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
						if !bias {
							m[3] = tensor.Mat{}
						}
						b.MatMul(m[0], m[1], m[2], m[3], acc)
					}})
			}
			dx := out("dx", ty.out, rows, ins, 16, sums).perRow()
			if acc {
				dx = dx.from(normal(r, rows*ins, 1))
			}
			s.check(t, call{name: fmt.Sprintf("MatMulGradX %v acc %v", shape, acc), rows: rows, unit: ty.unit(),
				operands: []operand{dx, dy, w},
				run:      func(b kernels.Backend, m []tensor.Mat, _ []int) { b.MatMulGradX(m[0], m[1], m[2], acc) }})
		}
		dw := out("dw", ty.acc, outs, ins, 16, sums).from(normal(r, outs*ins, 1))
		db := out("db", ty.acc, 1, outs, 16, sums).from(normal(r, outs, 1))
		s.check(t, call{name: fmt.Sprintf("MatMulGradW %v", shape), unit: ty.unit(),
			operands: []operand{dw, db, dy, x},
			rows:     rows,
			run:      func(b kernels.Backend, m []tensor.Mat, _ []int) { b.MatMulGradW(m[0], m[1], m[2], m[3]) }})
		s.check(t, call{name: fmt.Sprintf("MatMulGradW %v without bias", shape), unit: ty.unit(),
			operands: []operand{dw, dy, x},
			rows:     rows,
			run: func(b kernels.Backend, m []tensor.Mat,
				_ []int) {
				b.MatMulGradW(m[0], tensor.Mat{}, m[1], m[2])
			}})
	}
	s.changedWeights(t, ty)
}

// changedWeights multiplies by weights, twice, changes them by Copy and by AdamW, and multiplies
// again: whatever a backend derived from the weights must be derived anew.
func (s *suite) changedWeights(t *testing.T, ty types) {
	const rows, ins, outs = 5, 64, 48
	r := random(7)
	x := in("x", ty.in, rows, ins, normal(r, rows*ins, 1))
	dy := in("dy", ty.in, rows, outs, normal(r, rows*outs, 1))
	state := func(name string, data []float64) operand {
		return out(name, ty.acc, outs, ins, 16, largest).from(data)
	}
	c := call{name: "MatMul after the weights changed", unit: ty.unit(),
		operands: []operand{x, dy,
			out("w", ty.in, outs, ins, 16, largest).from(normal(r, outs*ins, 1)).weights(),
			state("master", normal(r, outs*ins, 1)), state("m", make([]float64, outs*ins)),
			state("v", make([]float64, outs*ins)),
			in("next", ty.acc, outs, ins, normal(r, outs*ins, 1))},
		run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
			x, dy, w, next := m[0], m[1], m[2], m[6]
			for i := range 4 {
				b.MatMul(m[7+2*i], x, w, tensor.Mat{}, false)
				b.MatMulGradX(m[8+2*i], dy, w, false)
				switch i {
				case 1:
					b.Copy(w, next)
				case 2:
					b.AdamW(w, m[3], m[4], m[5], next,
						kernels.AdamStep{LR: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, GradScale: 1, Step: 1})
				}
			}
		}}
	for i := range 4 {
		// The last weights may be one rounding off the oracle's.
		c.operands = append(c.operands,
			out(fmt.Sprintf("y%d", i), ty.acc, rows, outs, 64+ty.product(0), largest),
			out(fmt.Sprintf("dx%d", i), ty.acc, rows, ins, 64+ty.product(0), largest))
	}
	s.check(t, c)
}
