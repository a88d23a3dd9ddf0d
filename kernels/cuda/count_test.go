//go:build cuda && cgo && linux

package cuda

import (
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
	"spell/tensor"
)

// A counted is an operation whose operations of tensor cores and bytes, each operand's once, are known.
type counted struct {
	name         string
	tensor, once int
	most         float64 // times once that threads ask for
	run          func(b *Backend, m func(t tensor.DType, rows, cols int) tensor.Mat)
}

// The shape of bounds.md, a sixteenth of it in each of rows, h and ff, and the head's own.
const (
	countRows, countHidden, countFF, countVocab, countKeys = 256, 128, 512, 4096, 512
	countHeads, countKVHeads, countDim                     = 12, 2, 128
)

// countedOperations are those of bounds.md, in its order, with the formulas that it has.
func countedOperations() []counted {
	const n, h, ff, v, keys = countRows, countHidden, countFF, countVocab, countKeys
	const heads, kv = countHeads * countDim, countKVHeads * countDim
	// Of a tile of pairs and a block of keys all products are done, also where the mask hides some.
	const rows = tileRows / (countHeads / countKVHeads)
	pairs := 0
	for row := 0; row < keys; row += rows {
		pairs += tileRows * kernels.KeyBlock * ceil(min(row+rows, keys), kernels.KeyBlock)
	}
	products := countKVHeads * pairs * countDim // multiplications of one product of a pass
	a := &kernels.Attention{Heads: countHeads, KVHeads: countKVHeads, Dim: countDim, Scale: 0.1,
		Queries: []kernels.Query{{Len: keys, Spans: []kernels.Span{{Len: keys}}}}}
	type alloc = func(t tensor.DType, rows, cols int) tensor.Mat
	const half = tensor.BF16
	return []counted{
		{"MatMul", 2 * n * ff * h, 2 * (n*h + ff*h + n*ff), 3, func(b *Backend, m alloc) {
			b.MatMul(m(half, n, ff), m(half, n, h), m(half, ff, h), tensor.Mat{}, false)
		}},
		{"MatMulGradX", 2 * n * ff * h, 2*(n*ff+ff*h) + 4*n*h, 3, func(b *Backend, m alloc) {
			b.MatMulGradX(m(tensor.F32, n, h), m(half, n, ff), m(half, ff, h), false)
		}},
		{"MatMulGradW", 2 * n * ff * h, 2*(n*ff+n*h) + 8*ff*h, 3, func(b *Backend, m alloc) {
			b.MatMulGradW(m(tensor.F32, ff, h), tensor.Mat{}, m(half, n, ff), m(half, n, h))
		}},
		{"Attend", 4 * products, 2*keys*(2*heads+2*kv) + 4*keys*countHeads, 6, func(b *Backend, m alloc) {
			b.Attend(m(half, keys, heads), m(tensor.F32, keys, countHeads), m(half, keys, heads), m(half, keys, kv),
				m(half, keys, kv), a)
		}},
		{"LogProb", 2 * n * v * h, 2*(n*h+v*h) + 8*n*v, 2, func(b *Backend, m alloc) {
			ones := make([]float32, n)
			for i := range ones {
				ones[i] = 1
			}
			b.LogProb(m(tensor.F32, n, 3), m(half, n, h), m(half, v, h), make([]int32, n), ones)
		}},
		{"RMSNorm", 0, 4 * n * h, 2.1, func(b *Backend, m alloc) {
			b.RMSNorm(m(half, n, h), m(half, n, h), m(half, 1, h), 1e-6)
		}},
		{"SwiGLU", 0, 6 * n * ff, 1.1, func(b *Backend, m alloc) {
			b.SwiGLU(m(half, n, ff), m(half, n, ff), m(half, n, ff))
		}},
		{"SwiGLUGrad", 0, 10 * n * ff, 1.1, func(b *Backend, m alloc) {
			b.SwiGLUGrad(m(half, n, ff), m(half, n, ff), m(half, n, ff), m(half, n, ff), m(half, n, ff))
		}},
		{"Rope", 0, 4*n*heads + 4*n*countDim, 2, func(b *Backend, m alloc) {
			x := m(half, n, heads)
			b.Rope(x, x, m(tensor.F32, n, countDim), false)
		}},
		{"AdamW", 0, 30 * ff * h, 1.1, func(b *Backend, m alloc) {
			f := func() tensor.Mat { return m(tensor.F32, ff, h) }
			b.AdamW(m(half, ff, h), f(), f(), f(), f(),
				kernels.AdamStep{LR: 1, Beta1: 0.9, Beta2: 0.9, Eps: 1, GradScale: 1, Step: 1})
		}},
		{"SumSquares", 0, 4 * ff * h, 1.1, func(b *Backend, m alloc) { b.SumSquares(m(tensor.F32, ff, h)) }},
	}
}

// TestCounts: the emulated device counts the operations that bounds.md computes, and every byte that it counts
// once. How often threads ask for one is logged.
func TestCounts(t *testing.T) {
	cudatest.Use(t, cudatest.Device{Checked: true})
	b, err := New(Options{Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	arena, err := b.Alloc("operands", 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Free()
	for _, o := range countedOperations() {
		arena.Release(0)
		run := func() {
			arena.Release(0)
			o.run(b, arena.New)
			b.flush()
			if err := b.device.synchronize(); err != nil {
				t.Fatal(err)
			}
		}
		run() // compiles, and makes room
		c := cudatest.Counted(t, run)
		asked := float64(c.Read+c.Written) / float64(o.once)
		if c.Tensor != o.tensor || asked < 1 || asked > o.most {
			t.Errorf("%s: %d operations of tensor cores where %d are meant; %.2f times the %d bytes, at most %g",
				o.name, c.Tensor, o.tensor, asked, o.once, o.most)
		}
		t.Logf("%-12s %11d operations of tensor cores, %9d bytes read, %8d written: %.2f times each once", o.name,
			c.Tensor, c.Read, c.Written, asked)
	}
}
