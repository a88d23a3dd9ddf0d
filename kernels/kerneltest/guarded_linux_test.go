package kerneltest

import (
	"runtime/debug"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/tensor"
)

// faults reports whether f touches memory that is not accessible.
func faults(f func()) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	f()
	return
}

var sink float32 // keeps a load from being optimized away

func TestGuarded(t *testing.T) {
	b := Guarded(ref.New[float32]())
	var arenas []*tensor.Arena
	for _, name := range []string{"one", "two"} {
		a, err := b.Alloc(name, 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Free()
		arenas = append(arenas, a)
	}
	m, n := arenas[0].New(tensor.F32, 4, 4), arenas[1].New(tensor.F32, 4, 4)
	kernels.Upload(b, m, []float32{0: 1, 15: 2})
	b.Copy(n, m)
	got := make([]float32, 16)
	kernels.Download(b, got, n)
	if got[0] != 1 || got[15] != 2 {
		t.Errorf("the copy holds %v", got)
	}
	for _, a := range arenas {
		if !faults(func() { a.Host[0] = 1 }) || !faults(func() { sink = tensor.Elems[float32](m)[0] }) {
			t.Errorf("arena %s is accessible outside operations", a.Name())
		}
	}
	// One operand's arena says nothing about another arena.
	if !faults(func() { b.Zero(tensor.Mat{Arena: arenas[0], Rows: 1 << 15, Cols: 1, Stride: 1}) }) {
		t.Error("an operation beyond its arena does not panic")
	}
	if !faults(func() { arenas[0].Host[0] = 1 }) {
		t.Error("a panic left the arena open")
	}
	g := b.(*guard)
	shut := g.open(m)
	if faults(func() { arenas[0].Host[0] = 1 }) || !faults(func() { arenas[1].Host[0] = 1 }) {
		t.Error("an operation opens other arenas than those of its operands")
	}
	shut()
}
