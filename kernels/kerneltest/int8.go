package kerneltest

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// int8 tests Quantize and the operations that read what it makes. The quantised matrix is made
// during the call, beside the matrix that it is made of; products come twice, since a backend may
// derive something from weights at the second use.
func (s *suite) int8(t *testing.T, ty types) {
	if ty.acc != tensor.F32 {
		return
	}
	s.quantize(t, ty)
	for n, shape := range matMulShapes {
		if s.quick && n%2 == 1 {
			continue
		}
		rows, ins, outs := shape[0], shape[1], shape[2]
		r := random(30, rows, ins, outs)
		x := in("x", ty.in, rows, ins, normal(r, rows*ins, 1)).perRow()
		w := in("w", ty.in, outs, ins, normal(r, outs*ins, 1)).weights()
		bias := in("bias", ty.in, 1, outs, normal(r, outs, 1))
		y := out("y", ty.out, rows, outs, 16, sums).perRow()
		acc := n/2%2 == 1
		if acc {
			y = y.from(normal(r, rows*outs, 1))
		}
		s.check(t, call{name: fmt.Sprintf("MatMul of int8 %v acc %v", shape, acc), rows: rows, unit: ty.unit(),
			operands: []operand{y, y, x, w, bias},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				q := int8Of(b, m[3])
				b.MatMul(m[0], m[2], q, m[4], acc)
				b.MatMul(m[1], m[2], q, m[4], acc)
			}})
	}
	ends := []int32{3, 3, 20}
	for _, outs := range []int{64, 40} { // experts of whole panels and not
		const ins = 70
		r := random(33, outs)
		s.check(t, call{name: fmt.Sprintf("GroupMatMul of int8 to %d", outs), unit: ty.unit(),
			operands: []operand{out("y", ty.out, 20, outs, 16, sums), out("z", ty.out, 20, outs, 16, sums),
				in("x", ty.in, 20, ins, normal(r, 20*ins, 1)),
				in("w", ty.in, 3*outs, ins, normal(r, 3*outs*ins, 1)).weights()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				q := int8Of(b, m[3])
				b.GroupMatMul(m[0], m[2], q, ends)
				b.GroupMatMul(m[1], m[2], q, ends)
			}})
	}
	for n, shape := range headShapes {
		if s.quick && n > 5 {
			continue
		}
		h := newHeadCase(shape[0], shape[1], shape[2])
		stats := out("stats", ty.acc, h.rows, 3, 48, largest).perRow()
		s.check(t, call{name: fmt.Sprintf("LogProb of int8 %v", shape), rows: h.rows, unit: ty.unit(),
			operands: []operand{stats, stats, in("x", ty.in, h.rows, h.dim, h.x).perRow(),
				in("w", ty.in, h.vocab, h.dim, h.w).weights()},
			run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
				q := int8Of(b, m[3])
				b.LogProb(m[0], m[2], q, pick(h.targets, rows), pick(h.invTemp, rows))
				b.LogProb(m[1], m[2], q, pick(h.targets, rows), pick(h.invTemp, rows))
			}})
	}
	ids := []int32{3, 0, 9, 3}
	s.check(t, call{name: "Gather of int8", rows: len(ids),
		operands: []operand{
			out("y", ty.out, len(ids), 130, 0, exact).perRow(),
			in("table", ty.in, 10, 130, normal(random(31), 10*130, 1)).weights()},
		run: func(b kernels.Backend, m []tensor.Mat, rows []int) { b.Gather(m[0], int8Of(b, m[1]), pick(ids, rows)) }})
}

// int8Of returns w quantised, in the same arena.
func int8Of(b kernels.Backend, w tensor.Mat) tensor.Mat {
	q := w.Arena.New(tensor.I8, w.Rows, w.Cols)
	b.Quantize(q, w)
	return q
}

// quantize compares what Quantize makes with the oracle, bit for bit, and with the numbers
// themselves.
func (s *suite) quantize(t *testing.T, ty types) {
	for _, shape := range [][2]int{{0, 7}, {1, 1}, {3, 63}, {2, 64}, {5, 65}, {4, 130}, {9, 1900}} {
		rows, cols := shape[0], shape[1]
		w := normal(random(32, rows, cols), rows*cols, 1)
		for i := range w {
			switch row := i / cols; {
			case row == 1:
				w[i] *= 0x1p-100 // nearly all runs are too small for a scale
			case row == 2:
				w[i] *= 0x1p120
			case row == 3 && i%cols >= tensor.Int8Run:
				w[i] = 0
			case row == 4 && i%cols == 17:
				w[i] = []float64{math.NaN(), math.Inf(-1)}[cols%2]
			}
		}
		c := call{name: fmt.Sprintf("Quantize %v", shape), rows: rows,
			operands: []operand{
				out("values", tensor.F32, rows, cols, 0, exact).perRow(),
				in("w", ty.in, rows, cols, w).perRow()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				b.Copy(m[0], int8Of(b, m[1]))
			}}
		s.check(t, c)
		got := values(tensor.F32, s.envs[0].exec(t, c, packed, upTo(rows))[0])
		for i := range rows {
			for j0 := 0; j0 < cols; j0 += tensor.Int8Run {
				from, to := i*cols+j0, i*cols+min(j0+tensor.Int8Run, cols)
				top := largestOf(w[from:to])
				limit := top / 127 * 0.5001
				if top/127 < kernels.Int8Least {
					limit = top
				}
				for k := from; k < to && !math.IsInf(top, 0); k++ {
					if math.Abs(got[k]-w[k]) > limit {
						t.Errorf("%s: [%d, %d], %v, became %v; the largest of its run is %v", c.name, i, k-i*cols, w[k],
							got[k], top)
					}
				}
			}
		}
	}
	// Rows of 0 stay 0, and values that are multiples of a scale stay as they are.
	w := make([]float64, 2*tensor.Int8Run)
	for i := range tensor.Int8Run {
		w[i] = float64(i-tensor.Int8Run/2)*4 - 1
	}
	w[0] = 127
	c := call{operands: []operand{out("values", tensor.F32, 2, tensor.Int8Run, 0, exact),
		in("w", tensor.F32, 2, tensor.Int8Run, w)},
		run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
			b.Copy(m[0], int8Of(b, m[1]))
		}}
	want := make([]byte, 4*len(w))
	tensor.Encode(want, tensor.F32, w)
	if got := s.envs[0].exec(t, c, packed, nil)[0]; !bytes.Equal(got, want) {
		t.Error("Quantize: integers of at most 127 with scale 1, and zeros, did not stay as they were")
	}
}
