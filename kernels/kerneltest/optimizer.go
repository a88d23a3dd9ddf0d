package kerneltest

import (
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// adamW tests AdamW, with a master of its own and without, and SumSquares.
func (s *suite) adamW(t *testing.T, ty types) {
	for i, shape := range [][2]int{{0, 4}, {1, 1}, {1, 100}, {3, 17}, {20, 64}, {9, 1000}, {80, 1001}} {
		rows, cols := shape[0], shape[1]
		if s.quick && rows*cols > manyElements {
			continue
		}
		n := rows * cols
		r := random(8, rows, cols)
		step := kernels.AdamStep{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, GradScale: 0.37,
			Step: 1 + 3*i}
		squares := normal(r, n, 1)
		for i, v := range squares {
			squares[i] = v * v
		}
		id := fmt.Sprintf(" [%d, %d] step %d", rows, cols, step.Step)
		m := out("m", ty.acc, rows, cols, 16, largest).from(normal(r, n, 1)).perRow()
		v := out("v", ty.acc, rows, cols, 16, each).from(squares).perRow()
		grad := in("grad", ty.acc, rows, cols, normal(r, n, 1)).perRow()
		master := out("master", ty.acc, rows, cols, 16, largest).from(normal(r, n, 1)).perRow()
		apart := call{name: "AdamW" + id, rows: rows, unit: ty.unit(),
			operands: []operand{out("w", ty.in, rows, cols, 16, largest).perRow(), master, m, v, grad},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				b.AdamW(m[0], m[1], m[2], m[3], m[4], step)
			}}
		s.check(t, apart)
		got := s.envs[0].exec(t, apart, packed, upTo(rows))
		w, p := values(ty.in, got[0]), values(ty.acc, got[1])
		for i := range w {
			if w[i] != roundTo(ty.in, p[i]) {
				t.Fatalf("AdamW%s: w is %v where the master %v rounds to %v", id, w[i], p[i], roundTo(ty.in, p[i]))
			}
		}
		if ty.in == ty.acc {
			s.check(t, call{name: "AdamW in place" + id, rows: rows, unit: ty.unit(),
				operands: []operand{master, m, v, grad},
				run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
					b.AdamW(m[0], m[0], m[1], m[2], m[3], step)
				}})
		}
		s.adamFormula(t, apart, step)
		s.sumSquares(t, ty, rows, cols)
	}
}

// adamFormula computes the step once more, from the formula rather than by the oracle.
func (s *suite) adamFormula(t *testing.T, c call, a kernels.AdamStep) {
	got := s.envs[0].exec(t, c, packed, upTo(c.rows))
	p := values(c.operands[1].typ, got[1])
	for i := range p {
		p0, m, v := c.operands[1].data[i], c.operands[2].data[i], c.operands[3].data[i]
		g := c.operands[4].data[i] * a.GradScale
		m = (a.Beta1*m + (1-a.Beta1)*g) / (1 - math.Pow(a.Beta1, float64(a.Step)))
		v = (a.Beta2*v + (1-a.Beta2)*g*g) / (1 - math.Pow(a.Beta2, float64(a.Step)))
		want := p0 - a.LR*(m/(math.Sqrt(v)+a.Eps)+a.WeightDecay*p0)
		if math.Abs(p[i]-want) > 32*c.unit*max(1, math.Abs(want)) {
			t.Fatalf("%s: the master is %v, the formula gives %v", c.name, p[i], want)
		}
	}
}

// sumSquares checks for float64 accuracy and one order of additions.
func (s *suite) sumSquares(t *testing.T, ty types, rows, cols int) {
	r := random(9, rows, cols)
	data := roundAll(ty.out, normal(r, rows*cols, 3))
	want := 0.0
	for _, v := range data {
		want += v * v
	}
	var first float64
	for i, e := range s.envs {
		for j, l := range []layout{packed, aligned, ragged} {
			mark := e.arena.Mark()
			got := e.b.SumSquares(e.place(e.arena, ty.out, rows, cols, data, l).Mat)
			e.arena.Release(mark)
			if i == 0 && j == 0 {
				first = got
			}
			if math.Abs(got-want) > 1e-13*want || got != first {
				t.Errorf("SumSquares [%d, %d] with %s, layout %v: %v, before %v; the sum is %v", rows, cols, e.name, l,
					got, first, want)
			}
		}
	}
}
