package tally

import (
	"slices"
	"testing"
	"time"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/tensor"
)

// TestAttendPairs checks that pairs are counted by the mask, and keys that queries share once.
func TestAttendPairs(t *testing.T) {
	b := New(Rates{Read: 1})
	a, _ := b.Alloc("all", 1<<20)
	q, k, v, o := a.New(tensor.F32, 3, 8), a.New(tensor.F32, 16, 4), a.New(tensor.F32, 16, 4), a.New(tensor.F32, 3, 8)
	shared, own := kernels.Span{Row: 0, Len: 10}, kernels.Span{Row: 10, Len: 2}
	att := &kernels.Attention{Heads: 2, KVHeads: 1, Dim: 4, Scale: 1, Queries: []kernels.Query{
		{Row: 0, Len: 1, Spans: []kernels.Span{shared}},
		{Row: 1, Len: 2, Spans: []kernels.Span{shared, own}}, // sees 11 and 12 keys
	}}
	b.Attend(o, tensor.Mat{}, q, k, v, att)
	const pairs = 10 + 11 + 12
	if f := b.Work.Flops[Attend]; f != 4*8*pairs {
		t.Errorf("a call counts %g operations, want %d", f, 4*8*pairs)
	}
	moved := 2*tensor.Bytes(tensor.F32, 3, 8) + 12*2*tensor.Bytes(tensor.F32, 1, 4)
	if s := b.Work.Seconds * 1e9; s != float64(moved) {
		t.Errorf("a call moves %g bytes, want %d", s, moved)
	}
	b.Attend(o, tensor.Mat{}, q, k, v, att) // of the next layer
	if f := b.Work.Flops[Attend]; f != 2*4*8*pairs {
		t.Errorf("two calls count %g operations, want %d", f, 2*4*8*pairs)
	}
}

// TestAttendWindow checks that a window bounds pairs and keys, by the same attention under several.
func TestAttendWindow(t *testing.T) {
	b := New(Rates{Read: 1})
	a, _ := b.Alloc("all", 1<<20)
	q, k, v, o := a.New(tensor.F32, 3, 8), a.New(tensor.F32, 16, 4), a.New(tensor.F32, 16, 4), a.New(tensor.F32, 3, 8)
	shared, own := kernels.Span{Row: 0, Len: 10}, kernels.Span{Row: 10, Len: 2}
	att := &kernels.Attention{Heads: 2, KVHeads: 1, Dim: 4, Scale: 1, Queries: []kernels.Query{
		{Row: 0, Len: 1, Spans: []kernels.Span{shared}},
		{Row: 1, Len: 2, Spans: []kernels.Span{shared, own}}, // sees 11 and 12 keys
	}}
	for _, c := range []struct {
		window      int32
		pairs, keys float64
	}{
		{0, 10 + 11 + 12, 12}, {12, 10 + 11 + 12, 12}, {11, 10 + 11 + 11, 12}, {10, 30, 12},
		{4, 12, 4 + 2}, {2, 6, 2 + 2}, {1, 3, 1 + 2},
	} {
		att.Window, b.Work = c.window, Work{}
		b.Attend(o, tensor.Mat{}, q, k, v, att)
		if f := b.Work.Flops[Attend]; f != 4*8*c.pairs {
			t.Errorf("window %d: %g operations, want %g", c.window, f, 4*8*c.pairs)
		}
		moved := float64(2*tensor.Bytes(tensor.F32, 3, 8)) + c.keys*2*float64(tensor.Bytes(tensor.F32, 1, 4))
		if s := b.Work.Seconds * 1e9; s < moved-0.5 || s > moved+0.5 {
			t.Errorf("window %d: %g bytes moved, want %g", c.window, s, moved)
		}
	}
}

// TestSeconds checks that an operation takes the time to compute and the time to move.
func TestSeconds(t *testing.T) {
	var r Rates
	r.Flops[Product], r.Read, r.Update = 100, 10, 20
	for _, c := range []struct {
		name               string
		kind               Kind
		flops, bytes, want float64
	}{
		{"operations alone", Product, 200e9, 0, 2},
		{"operations and memory", Product, 200e9, 30e9, 5},
		{"memory that is changed", MemoryBound, 0, 40e9, 2},
		{"a kind without a rate", Attend, 1e18, 10e9, 1},
	} {
		if got := r.seconds(c.kind, c.flops, c.bytes); got != c.want {
			t.Errorf("%s: %g seconds, want %g", c.name, got, c.want)
		}
	}
}

// TestMeasure checks that every kind of work has a rate.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a second")
	}
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, weight := range []tensor.DType{tensor.BF16, tensor.I8} {
		r, err := Measure(b, Shape{Rows: 64, In: 64, Out: 128, Weight: weight, Act: tensor.BF16, Acc: tensor.F32,
			Heads: 4, KVHeads: 2, Dim: 16}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for k, f := range r.Flops[:MemoryBound] {
			if !(f > 0.001 && f < 1e5) {
				t.Errorf("%v: kind %d reaches %g GFLOP/s, want between 0.001 and 100,000", weight, k, f)
			}
		}
		if !(r.Read > 0 && r.Update > 0) {
			t.Errorf("memory is read at %g and changed at %g GB/s, want more than 0", r.Read, r.Update)
		}
	}
}

// A slow backend takes long for a product, and remembers how many rows each had.
type slow struct {
	kernels.Backend
	rows []int
}

func (s *slow) MatMul(y, x, w, bias tensor.Mat, add bool) {
	s.rows = append(s.rows, y.Rows)
	time.Sleep(110 * time.Millisecond)
	s.Backend.MatMul(y, x, w, bias, add)
}

// TestMeasureSlow checks that a backend that is slow is measured by few rows.
func TestMeasureSlow(t *testing.T) {
	c, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := &slow{Backend: c}
	r, err := Measure(b, Shape{Rows: 64, In: 64, Out: 128, Weight: tensor.F32, Act: tensor.F32, Acc: tensor.F32,
		Heads: 4, KVHeads: 2, Dim: 16}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Max(b.rows) > fewRows || len(b.rows) != 4 {
		t.Errorf("products of %d rows, want four of %d", b.rows, fewRows)
	}
	if want := 2 * fewRows * 64 * 128 / 0.11 / 1e9; !(r.Flops[Product] > 0 && r.Flops[Product] < want) {
		t.Errorf("%g GFLOP/s, want less than %g", r.Flops[Product], want)
	}
}

// TestGradientsWithoutWeights checks that a weight gradient that is not computed is not counted.
func TestGradientsWithoutWeights(t *testing.T) {
	b := New(Rates{})
	a, _ := b.Alloc("all", 1<<20)
	x, w := a.New(tensor.F32, 4, 8), a.New(tensor.I8, 16, 8)
	b.LogProbGrad(x, tensor.Mat{}, a.New(tensor.F32, 4, 3), x, w, nil, nil, nil, nil)
	const one = 2 * 4 * 8 * 16
	if f := b.Work.Flops; f[Product] != one || f[ProductGradX] != one || f[ProductGradW] != 0 {
		t.Errorf("without dw the operations are %v, want %d of the first two kinds and none of the third", f, one)
	}
}
