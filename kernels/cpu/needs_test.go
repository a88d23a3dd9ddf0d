package cpu

import (
	"testing"

	"spell/tensor"
)

// TestPackBytes checks that what is announced is what is carved off.
func TestPackBytes(t *testing.T) {
	b, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a, err := b.Alloc("weights", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16, tensor.I8} {
		for _, size := range [][2]int{{1, 1}, {32, 64}, {33, 65}, {100, 130}} {
			w, carved := a.New(typ, size[0], size[1]), 0
			if p := b.packOf(w, 1<<10); p != nil {
				carved = p.arena.Used()
			}
			if n := b.PackBytes(w); n != carved || (n == 0) != (typ == tensor.I8) {
				t.Errorf("%v: %d bytes announced, %d carved", w, n, carved)
			}
		}
	}
}

// TestScratchBytes checks that after products, attention aside, workers and panels hold no more
// than announced.
func TestScratchBytes(t *testing.T) {
	const rows, in, out = 700, 600, 900
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		b, err := New(Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		a, err := b.Alloc("all", 64<<20)
		if err != nil {
			t.Fatal(err)
		}
		x, y, w := a.New(typ, rows, in), a.New(typ, rows, out), a.New(typ, out, in)
		stats, dx, dw := a.New(tensor.F32, rows, 3), a.New(tensor.F32, rows, in), a.New(tensor.F32, out, in)
		targets, ones := make([]int32, rows), make([]float32, rows)
		b.MatMul(y, x, w, tensor.Mat{}, false)
		b.LogProb(stats, x, w, targets, ones)
		if held, most := held(b), b.ScratchBytes(max(in, out), out, false); held > most {
			t.Errorf("without gradients %d bytes are held, %d announced", held, most)
		}
		b.MatMulGradX(dx, y, w, true)
		b.MatMulGradW(dw, tensor.Mat{}, y, x)
		b.LogProbGrad(dx, dw, stats, x, w, targets, ones, ones, ones)
		a.Free()
		if held, most := held(b), b.ScratchBytes(max(in, out), out, true); held > most {
			t.Errorf("%d bytes are held, %d announced", held, most)
		}
	}
}

// held returns the bytes of workers and panels.
func held(b *Backend) int {
	n := 4 * cap(b.calls.tileScratch)
	if p := b.calls.panels.pack; p != nil {
		n += 4 * len(p.f)
	}
	for i := range b.pool.workers {
		n += 4 * len(b.pool.workers[i].mem)
	}
	return n
}
