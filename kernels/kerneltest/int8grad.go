package kerneltest

import (
	"bytes"
	"fmt"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// int8Gradients tests the gradients through int8 weights: against the oracle, and bit for bit
// against those through the f32 matrix of the same elements.
func (s *suite) int8Gradients(t *testing.T, ty types) {
	if ty.acc != tensor.F32 {
		return
	}
	for n, shape := range matMulShapes {
		if s.quick && n%2 == 0 {
			continue
		}
		rows, ins, outs := shape[0], shape[1], shape[2]
		r := random(34, rows, ins, outs)
		acc := n/2%2 == 1
		dx := out("dx", ty.out, rows, ins, 16, sums).perRow()
		if acc {
			dx = dx.from(normal(r, rows*ins, 1))
		}
		c := call{name: fmt.Sprintf("MatMulGradX of int8 %v acc %v", shape, acc), rows: rows, unit: ty.unit(),
			operands: []operand{dx, dx, in("dy", ty.in, rows, outs, normal(r, rows*outs, 1)).perRow(),
				in("w", ty.in, outs, ins, normal(r, outs*ins, 1)).weights()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				q := int8Of(b, m[3])
				b.MatMulGradX(m[0], m[2], q, acc)
				b.MatMulGradX(m[1], m[2], floatsOf(b, q), acc)
			}}
		s.check(t, c)
		s.alike(t, c, 0, 1)
	}
	for n, ins := range []int{70, 64, 1} {
		const rows, outs = 20, 40
		ends, acc := []int32{3, 3, rows}, n == 1
		r := random(35, ins)
		c := call{name: fmt.Sprintf("GroupMatMulGradX of int8 from %d", ins), unit: ty.unit(),
			operands: []operand{out("dx", ty.out, rows, ins, 16, sums), out("ex", ty.out, rows, ins, 16, sums),
				in("dy", ty.in, rows, outs, normal(r, rows*outs, 1)),
				in("w", ty.in, 3*outs, ins, normal(r, 3*outs*ins, 1)).weights()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				q := int8Of(b, m[3])
				b.GroupMatMulGradX(m[0], m[2], q, ends, acc)
				b.GroupMatMulGradX(m[1], m[2], floatsOf(b, q), ends, acc)
			}}
		if acc {
			old := normal(r, rows*ins, 1)
			c.operands[0], c.operands[1] = c.operands[0].from(old), c.operands[1].from(old)
		}
		s.check(t, c)
		s.alike(t, c, 0, 1)
	}
	for n, shape := range headShapes {
		if !s.quick || n > 2 && n < 6 {
			s.int8Head(t, ty, newHeadCase(shape[0], shape[1], shape[2]))
		}
	}
}

// int8Head tests LogProbGrad of int8 weights, with dw and without.
func (s *suite) int8Head(t *testing.T, ty types, h *headCase) {
	x := in("x", ty.in, h.rows, h.dim, h.x).perRow()
	w := in("w", ty.in, h.vocab, h.dim, h.w).weights()
	forward := call{name: "LogProb of int8", rows: h.rows,
		operands: []operand{out("stats", ty.acc, h.rows, 3, 48, largest).perRow(), x, w},
		run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
			b.LogProb(m[0], m[1], int8Of(b, m[2]), pick(h.targets, rows), pick(h.invTemp, rows))
		}}
	left := values(tensor.F64, s.oracle.exec(t, forward.inF64(false), packed, upTo(h.rows))[0])
	dx := out("dx", ty.out, h.rows, h.dim, ty.product(64), largest).atLeast(1).perRow()
	dw := out("dw", ty.acc, h.vocab, h.dim, 4*ty.product(16), largest).from(normal(random(36), h.vocab*h.dim, 0.1))
	c := call{name: fmt.Sprintf("LogProbGrad of int8 [%d, %d] of %d", h.rows, h.dim, h.vocab), rows: h.rows,
		unit:     ty.unit(),
		operands: []operand{dx, dx, dx, dw, dw, in("stats", ty.acc, h.rows, 3, left).perRow(), x, w},
		run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
			q := int8Of(b, m[7])
			grad := func(dx, dw, w tensor.Mat) {
				b.LogProbGrad(dx, dw, m[5], m[6], w, pick(h.targets, rows), pick(h.invTemp, rows),
					pick(h.coefLogp, rows), pick(h.coefEntropy, rows))
			}
			grad(m[0], tensor.Mat{}, q)
			grad(m[1], m[3], q)
			grad(m[2], m[4], floatsOf(b, q))
		}}
	s.check(t, c)
	s.alike(t, c, 0, 1)
	s.alike(t, c, 0, 2)
	s.alike(t, c, 3, 4)
}

// floatsOf returns the elements of q in f32, in the same arena.
func floatsOf(b kernels.Backend, q tensor.Mat) tensor.Mat {
	w := q.Arena.New(tensor.F32, q.Rows, q.Cols)
	b.Copy(w, q)
	return w
}

// alike requires that two outputs of c have the same bits.
func (s *suite) alike(t *testing.T, c call, i, j int) {
	t.Helper()
	for _, e := range s.envs {
		if got := e.exec(t, c, packed, upTo(c.rows)); !bytes.Equal(got[i], got[j]) {
			t.Errorf("%s, %s: outputs %d and %d, %s, have not the same bits", c.name, e.name, i, j, c.operands[i].name)
		}
	}
}
