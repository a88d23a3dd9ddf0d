package kerneltest

import (
	"bytes"
	"fmt"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// copies tests Zero, Copy, Gather, Scatter and ScatterAdd.
func (s *suite) copies(t *testing.T, ty types) {
	for _, shape := range [][2]int{{0, 5}, {1, 1}, {1, 17}, {3, 16}, {7, 33}, {40, 100}, {48, 1700}} {
		rows, cols := shape[0], shape[1]
		if s.quick && rows*cols > manyElements {
			continue
		}
		r := random(1, rows, cols)
		id := fmt.Sprintf("[%d, %d]", rows, cols)
		x := normal(r, rows*cols, 1)
		s.check(t, call{name: "Zero " + id, rows: rows,
			operands: []operand{out("dst", ty.out, rows, cols, 0, exact).from(x).perRow()},
			run:      func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Zero(m[0]) }})
		for _, pair := range [][2]tensor.DType{{ty.in, ty.out}, {ty.out, ty.in}} {
			s.check(t, call{name: fmt.Sprintf("Copy %v to %v %s", pair[0], pair[1], id), rows: rows,
				operands: []operand{
					out("dst", pair[1], rows, cols, 0, exact).perRow(),
					in("src", pair[0], rows, cols, normal(r, rows*cols, 1)).perRow()},
				run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Copy(m[0], m[1]) }})
		}
		s.scale(t, ty, rows, cols)
		s.rows(t, ty, rows, cols)
	}
}

// scale tests Scale, to another matrix and in place.
func (s *suite) scale(t *testing.T, ty types, rows, cols int) {
	const factor = 1.0 / 3
	r := random(5, rows, cols)
	id := fmt.Sprintf("[%d, %d]", rows, cols)
	for _, pair := range [][2]tensor.DType{{ty.acc, ty.in}, {ty.out, ty.out}} {
		s.check(t, call{name: fmt.Sprintf("Scale %v to %v %s", pair[0], pair[1], id), rows: rows, unit: ty.unit(),
			operands: []operand{
				out("y", pair[1], rows, cols, 2, each).perRow(),
				in("x", pair[0], rows, cols, normal(r, rows*cols, 1)).perRow()},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Scale(m[0], m[1], factor) }})
	}
	s.check(t, call{name: "Scale in place " + id, rows: rows, unit: ty.unit(),
		operands: []operand{out("y", ty.out, rows, cols, 2, each).from(normal(r, rows*cols, 1)).perRow()},
		run:      func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Scale(m[0], m[0], factor) }})
}

// rows tests the operations that take a list of rows, on a table of 50.
func (s *suite) rows(t *testing.T, ty types, n, cols int) {
	const table = 50
	r := random(2, n, cols)
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(table))
	}
	// distinct rows, as Scatter requires
	spread := make([]int32, n)
	for i, p := range r.Perm(table)[:n] {
		spread[i] = int32(p)
	}
	choose := func(ids []int32, rows []int) []int32 {
		list := make([]int32, len(rows))
		for i, row := range rows {
			list[i] = ids[row]
		}
		return list
	}
	id := fmt.Sprintf("%d rows of %d", n, cols)
	s.check(t, call{name: "Gather " + id, rows: n,
		operands: []operand{
			out("y", ty.out, n, cols, 0, exact).perRow(),
			in("table", ty.in, table, cols, normal(r, table*cols, 1))},
		run: func(b kernels.Backend, m []tensor.Mat, rows []int) { b.Gather(m[0], m[1], choose(ids, rows)) }})
	for _, pair := range [][2]tensor.DType{{ty.in, ty.out}, {ty.out, ty.in}} {
		s.check(t, call{name: "Scatter " + id,
			operands: []operand{
				out("table", pair[0], table, cols, 0, exact).from(normal(r, table*cols, 1)),
				in("y", pair[1], n, cols, normal(r, n*cols, 1))},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.Scatter(m[0], m[1], spread) }})
	}

	// Rows repeat, and their additions are ordered: the oracle is a loop in the type itself.
	add := call{name: "ScatterAdd " + id, unit: ty.unit(),
		operands: []operand{
			out("dtable", ty.acc, table, cols, 16, sums).from(normal(r, table*cols, 1)),
			in("dy", ty.out, n, cols, normal(r, n*cols, 1))},
		run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.ScatterAdd(m[0], m[1], ids) }}
	s.check(t, add)
	sum := append([]float64(nil), add.operands[0].data...)
	for i, row := range ids {
		for j := range cols {
			at := int(row)*cols + j
			sum[at] = roundTo(ty.acc, sum[at]+add.operands[1].data[i*cols+j])
		}
	}
	want := make([]byte, len(sum)*ty.acc.Size())
	tensor.Encode(want, ty.acc, sum)
	if got := s.envs[0].exec(t, add, packed, nil); !bytes.Equal(got[0], want) {
		t.Errorf("%s: the additions are not in the order of the rows", add.name)
	}
}
