package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// TestAttendScratch checks that a worker's memory does not grow with the length of a sequence,
// neither forward nor backward: nothing of the size of all query rows × keys is ever held.
func TestAttendScratch(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute under emulation")
	}
	held := func(rows int) int {
		b, err := New(Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		arena, err := b.Alloc("attention", 16*rows*8*4+1<<16)
		if err != nil {
			t.Fatal(err)
		}
		defer arena.Free()
		m := func(cols int) tensor.Mat {
			x := arena.New(tensor.F32, rows, cols)
			b.Zero(x)
			return x
		}
		q, k, v, o, do, dq, dk, dv, lse := m(8), m(8), m(8), m(8), m(8), m(8), m(8), m(8), m(1)
		a := &kernels.Attention{Heads: 1, KVHeads: 1, Dim: 8, Scale: 1,
			Queries: []kernels.Query{{Len: int32(rows), Spans: []kernels.Span{{Len: int32(rows)}}}}}
		b.Attend(o, lse, q, k, v, a)
		b.AttendGrad(dq, dk, dv, do, o, lse, q, k, v, a)
		return len(b.pool.workers[0].mem)
	}
	if short, long := held(1920), held(3840); long > short {
		t.Errorf("a worker holds %d floats for 3,840 rows, %d for 1,920", long, short)
	}
}

// TestAttendWindow checks that tiles visit the blocks of keys that their window reaches and no
// others, whether or not their queries share spans, and that the window bounds the work.
func TestAttendWindow(t *testing.T) {
	const B = kernels.KeyBlock
	prompt := kernels.Span{Len: 100 * B}
	answer := func(row, n int32) kernels.Query {
		return kernels.Query{Row: row, Len: n, Spans: []kernels.Span{prompt, {Row: 100*B + 10*row, Len: n + 5}}}
	}
	// said answers question n of a prompt, of a block.
	said := func(n, row int32) kernels.Query {
		question := kernels.Span{Row: 200*B + n*B, Len: B}
		return kernels.Query{Row: row, Len: 1, Spans: []kernels.Span{prompt, question, {Row: 300*B + row*B, Len: 1}}}
	}
	for _, c := range []struct {
		name    string
		window  int32
		queries []kernels.Query
		blocks  int // of all tiles together
	}{
		{"no window", 0, []kernels.Query{{Len: 1, Spans: []kernels.Span{prompt}}}, 100},
		{"a row and its own key", 1, []kernels.Query{{Len: 1, Spans: []kernels.Span{prompt}}}, 1},
		{"a row and two blocks", 2 * B, []kernels.Query{{Len: 1, Spans: []kernels.Span{prompt}}}, 2},
		{"a row and a key of a third", 2*B + 1, []kernels.Query{{Len: 1, Spans: []kernels.Span{prompt}}}, 3},
		{"a prompt", B, []kernels.Query{{Len: 100 * B, Spans: []kernels.Span{prompt}}}, 13*9 - 1 + 4},
		{"an answer", 3 * B, []kernels.Query{answer(0, 1)}, 4},
		{"answers of one length", 3 * B, []kernels.Query{answer(0, 1), answer(1, 1), answer(2, 1)}, 2 + 3 + 3},
		{"answers of several", 3 * B, []kernels.Query{answer(0, 1), answer(1, 40)}, 2 + 2 + 2},
		{"answers to two questions", 0, []kernels.Query{said(0, 0), said(0, 1), said(1, 2), said(1, 3)}, 100 + 2 + 4},
		{"one beyond the prompt", 3, []kernels.Query{answer(0, 1), answer(1, 4)}, 2},
	} {
		a := attention{}
		work := a.start(&kernels.Attention{Heads: 1, KVHeads: 1, Dim: 8, Scale: 1, Window: c.window,
			Queries: c.queries})
		a.cut(0, len(a.order))
		blocks := 0
		for _, tile := range a.tiles {
			a.walk(tile, func(keyBlock) { blocks++ }, func(int, int) {})
		}
		if blocks != c.blocks {
			t.Errorf("%s: %d blocks, want %d", c.name, blocks, c.blocks)
		}
		rows := 0
		for _, q := range c.queries {
			rows += int(q.Len)
		}
		if c.window > 0 && work > rows*int(c.window)*8 {
			t.Errorf("%s: the work counts as %d multiply-adds, more than a window for %d rows", c.name, work, rows)
		}
	}
}

// TestSoftmaxRows checks that rows taken together get the bits that each gets alone, and that
// nothing beyond the columns and rows given is touched.
func TestSoftmaxRows(t *testing.T) {
	const B, rows, d = kernels.KeyBlock, 5, 24
	rng := rand.New(rand.NewPCG(7, 8))
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	for _, s := range append(assembly(), generic) {
		for _, half := range []bool{false, true} {
			for _, seen := range []int{1, 15, 16, 33, 61} {
				z, o, state := random((rows+1)*B), random((rows+1)*d), random(3*(rows+1))
				for r := range rows + 1 {
					state[3*r+2] = 0
				}
				z1, o1, state1 := slices.Clone(z), slices.Clone(o), slices.Clone(state)
				s.softmax(z, o, d, state, rows, seen, .5, half)
				for r := range rows {
					s.softmax(z1[r*B:], o1[r*d:], d, state1[3*r:], 1, seen, .5, half)
				}
				for r := range rows + 1 { // the third is room for the step
					state[3*r+2], state1[3*r+2] = 0, 0
				}
				if !slices.Equal(z, z1) || !slices.Equal(o, o1) || !slices.Equal(state, state1) {
					t.Errorf("softmax, %v, %d keys, half %v: rows together differ from rows alone", s, seen, half)
				}
				p, ds, lse, delta := random((rows+1)*B), random((rows+1)*B), random(rows), random(rows)
				p1, ds1 := slices.Clone(p), slices.Clone(ds)
				last := slices.Concat(p[rows*B:], ds[rows*B:])
				s.softmaxGrad(p, ds, lse, delta, rows, seen, .5, half, half)
				for r := range rows {
					s.softmaxGrad(p1[r*B:], ds1[r*B:], lse[r:], delta[r:], 1, seen, .5, half, half)
				}
				if !slices.Equal(p, p1) || !slices.Equal(ds, ds1) ||
					!slices.Equal(last, slices.Concat(p[rows*B:], ds[rows*B:])) {
					t.Errorf("softmaxGrad, %v, %d keys, half %v: rows together differ from rows alone", s, seen, half)
				}
			}
		}
	}
}
