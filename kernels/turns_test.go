package kernels_test

import (
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/tensor"
)

// TestTurns: arenas of one owner lie apart, those of two in the same memory, which is no larger than
// the larger of them takes; what is allocated later is apart.
func TestTurns(t *testing.T) {
	b := ref.New[float32]()
	turns := kernels.NewTurns(b, "turns")
	alloc := func(o kernels.Backend, bytes int) *tensor.Arena {
		t.Helper()
		a, err := o.Alloc("part", bytes)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first, second := turns.Owner(), turns.Owner()
	a, c := alloc(first, 100), alloc(first, 1<<17)
	x := alloc(second, 1<<16)
	if err := turns.Map(); err != nil {
		t.Fatal(err)
	}
	later := alloc(second, 100)
	defer later.Free()
	ma, mc, mx := a.New(tensor.F32, 1, 4), c.New(tensor.F32, 1, 4), x.New(tensor.F32, 1, 1<<10)
	for i, m := range []tensor.Mat{ma, mc, later.New(tensor.F32, 1, 4)} {
		kernels.Upload(first, m, []float32{float32(i), 1, 2, 3})
	}
	read := func(m tensor.Mat) float32 {
		all := make([]float32, m.Len())
		kernels.Download(second, all, m)
		return all[0]
	}
	if read(ma) != 0 || read(mc) != 1 {
		t.Error("arenas of one owner overlap")
	}
	for i := range 2 {
		if got := tensor.Elems[float32](mx)[i*128/4]; got != float32(i) {
			t.Errorf("the other owner finds %g at byte %d", got, i*128)
		}
	}
	if n := len(c.Host); n != 1<<17 {
		t.Errorf("an arena of %d bytes has %d", 1<<17, n)
	}
	turns.Free()
	if a.Host != nil || x.Host != nil || later.Host == nil {
		t.Error("what is in the memory ends with it, and nothing else does")
	}
}
