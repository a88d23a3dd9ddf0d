package kerneltest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// A call is one operation on one set of operands, run again and again: by the oracle, with
// other layouts and workers, on some of the rows.
type call struct {
	name     string
	unit     float64 // rounding unit of the arithmetic
	operands []operand
	rows     int  // of the operands marked byRow; 0 if rows do not stand alone
	ordered  bool // rows stand in this order alone
	// run performs the operation. rows lists the rows of the whole problem that the operands
	// marked byRow hold, in order.
	run func(b kernels.Backend, m []tensor.Mat, rows []int)
}

// An operand is a matrix of a call.
type operand struct {
	name       string
	typ        tensor.DType
	rows, cols int
	data       []float64 // rounded to typ; nil for an output that is overwritten
	byRow      bool
	output     bool
	param      bool
	bound      bound
}

// A bound is the error that an output may have, beside the rounding to its type: units rounding
// units of a scale.
type bound struct {
	units float64
	scale scale
	least float64 // of a largest element, where cancellation may leave none
}

type scale int

const (
	exact   scale = iota // no error: the oracle's value, rounded
	each                 // of the element itself
	largest              // of the largest element of the matrix
	sums                 // of what the operation gives for the absolute values of its operands
)

// in returns an operand that is read, data rounded to t.
func in(name string, t tensor.DType, rows, cols int, data []float64) operand {
	return operand{name: name, typ: t, rows: rows, cols: cols, data: roundAll(t, data)}
}

// out returns an operand that is written, with its bound.
func out(name string, t tensor.DType, rows, cols int, units float64, s scale) operand {
	return operand{name: name, typ: t, rows: rows, cols: cols, output: true, bound: bound{units: units, scale: s}}
}

// perRow marks the operand as selected row by row.
func (o operand) perRow() operand {
	o.byRow = true
	return o
}

// weights puts the operand into the arena of parameters, which no operation but Write, Copy,
// Zero and AdamW writes to: there a backend may keep what it derives from it.
func (o operand) weights() operand {
	o.param = true
	return o
}

// atLeast sets the least scale of the bound, for outputs that may cancel to nothing.
func (o operand) atLeast(scale float64) operand {
	o.bound.least = scale
	return o
}

// from gives an output its value before the operation.
func (o operand) from(data []float64) operand {
	o.data = roundAll(o.typ, data)
	return o
}

// exec runs c on e and returns the raw elements of every operand.
func (e *env) exec(t *testing.T, c call, l layout, rows []int) [][]byte {
	t.Helper()
	defer e.release(e.arena.Mark(), e.params.Mark())
	regions := make([]*region, len(c.operands))
	mats := make([]tensor.Mat, len(c.operands))
	for i, o := range c.operands {
		data := o.data
		n := o.rows
		if o.byRow {
			n = len(rows)
			if data != nil {
				data = nil
				for _, r := range rows {
					data = append(data, o.data[r*o.cols:(r+1)*o.cols]...)
				}
			}
		}
		arena := e.arena
		if o.param {
			arena = e.params
		}
		regions[i] = e.place(arena, o.typ, n, o.cols, data, l)
		mats[i] = regions[i].Mat
	}
	c.run(e.b, mats, rows)
	all := make([][]byte, len(c.operands))
	for i, o := range c.operands {
		var intact bool
		if all[i], intact = e.fetch(regions[i], o.output); !intact {
			what := "an input or its margins"
			if o.output {
				what = "the margins of an output"
			}
			t.Errorf("%s, %s, layout %v: wrote to %s, %s %v", c.name, e.name, l, what, o.name, mats[i])
		}
	}
	return all
}

// inF64 returns c with every operand F64, for the oracle; abs takes the absolute values of their
// data.
func (c call) inF64(abs bool) call {
	c.operands = slices.Clone(c.operands)
	for i := range c.operands {
		o := &c.operands[i]
		o.typ = tensor.F64
		if abs && o.data != nil {
			o.data = slices.Clone(o.data)
			for j, v := range o.data {
				o.data[j] = math.Abs(v)
			}
		}
	}
	return c
}

// check compares the backend with the oracle and with itself.
func (s *suite) check(t *testing.T, c call) {
	t.Helper()
	if s.chance.IntN(s.every) > 0 {
		return
	}
	every := upTo(c.rows)
	want := s.oracle.exec(t, c.inF64(false), packed, every)
	var magnitude [][]byte
	if slices.ContainsFunc(c.operands, func(o operand) bool { return o.bound.scale == sums }) {
		magnitude = s.oracle.exec(t, c.inF64(true), packed, every)
	}
	got := s.envs[0].exec(t, c, packed, every)
	for i, o := range c.operands {
		if !o.output {
			continue
		}
		var m []float64
		if o.bound.scale == sums {
			m = values(tensor.F64, magnitude[i])
		}
		compare(t, c, o, got[i], want[i], m)
	}
	if t.Failed() {
		return // one report of a wrong result is enough
	}
	for i := range max(len(s.envs), 3) {
		e, l := s.envs[i%len(s.envs)], []layout{aligned, packed, ragged}[i%3]
		s.same(t, c, e, l, every, got, fmt.Sprintf("with %s, layout %v", e.name, l))
	}
	for i, rows := range s.selections(c.rows) {
		if c.ordered {
			slices.Sort(rows)
		}
		e := s.envs[i%len(s.envs)]
		s.same(t, c, e, packed, rows, got, fmt.Sprintf("for rows %v of %d, %s", rows, c.rows, e.name))
	}
}

// same requires the same bits of the outputs, on the rows given.
func (s *suite) same(t *testing.T, c call, e *env, l layout, rows []int, want [][]byte, how string) {
	t.Helper()
	got := e.exec(t, c, l, rows)
	for i, o := range c.operands {
		expect := want[i]
		switch width := o.cols * o.typ.Size(); {
		case !o.output:
			continue
		case o.byRow:
			expect = nil
			for _, r := range rows {
				expect = append(expect, want[i][r*width:(r+1)*width]...)
			}
		case len(rows) != c.rows:
			continue // a sum over other rows
		case !slices.Equal(rows, upTo(c.rows)):
			continue // a sum in another order
		}
		if !bytes.Equal(got[i], expect) {
			t.Errorf("%s: %s has other bits %s", c.name, o.name, how)
		}
	}
}

// compare checks one output against the oracle's.
func compare(t *testing.T, c call, o operand, gotBits, wantBits []byte, magnitude []float64) {
	t.Helper()
	got, want := values(o.typ, gotBits), values(tensor.F64, wantBits)
	top := largestOf(want)
	bad, worst, at := 0, 0.0, 0
	for i, w := range want {
		g := got[i]
		tol := 1.01 * unitOf(o.typ) * math.Abs(w)
		switch o.bound.scale {
		case exact:
			w, tol = roundTo(o.typ, w), 0
		case each:
			tol += o.bound.units * c.unit * math.Abs(w)
		case largest:
			tol += o.bound.units * c.unit * max(top, o.bound.least)
		case sums:
			tol += o.bound.units * c.unit * magnitude[i]
		}
		tol += 0x1p-117 * min(1, o.bound.units) // below, f32 may underflow or be flushed to 0
		var excess float64
		switch {
		case poisoned(tensor.F64, wantBits[8*i:]):
			if !poisoned(o.typ, gotBits[o.typ.Size()*i:]) {
				excess = math.Inf(1)
			}
		case math.IsNaN(w) && math.IsNaN(g), g == w:
		case math.IsNaN(g) || math.IsNaN(w) || math.Abs(g-w) > tol:
			excess = math.Abs(g-w) / tol
			if math.IsNaN(excess) {
				excess = math.Inf(1)
			}
		}
		if excess > 0 {
			bad++
			if excess > worst || bad == 1 {
				worst, at = excess, i
			}
		}
	}
	if bad > 0 {
		t.Errorf("%s: %d of %d elements of %s are off; the worst, [%d, %d], is %v, not %v: %.3g times the bound",
			c.name, bad, len(want), o.name, at/o.cols, at%o.cols, got[at], want[at], worst)
	}
}

// upTo returns 0 … n-1.
func upTo(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// selections returns the subsets and orders of n rows to try: single rows, chunks of several sizes,
// all in another order.
func (s *suite) selections(n int) [][]int {
	if n < 2 {
		return nil
	}
	all := upTo(n)
	list := [][]int{all[n-1:], all[n/2 : n/2+1]}
	for _, size := range []int{2, 5, 16} {
		if size < n && !s.quick {
			list = append(list, all[n-size:])
		}
	}
	shuffled := slices.Clone(all)
	random(n).Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return append(list, shuffled)
}
