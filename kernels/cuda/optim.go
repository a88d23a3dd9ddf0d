//go:build cuda && cgo && linux

package cuda

import (
	"math"
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

var (
	squaresKernel = define[squaresArgs]("optim.cu", "sum_squares", rowThreads, rowShared)
	totalKernel   = define[totalArgs]("optim.cu", "total", rowThreads, rowShared)
	adamKernel    = define[adamArgs]("optim.cu", "adamw", rowThreads, rowShared)
)

type squaresArgs struct {
	m    mat
	sums uint64
}

type totalArgs struct {
	total, sums uint64
	n           int64
}

// SumSquares returns Σ m[i][j]², summed in f64: by blocks of 1024 times eight columns, counted from
// the first element, and then in order of the blocks, 256 apart. It waits for the device.
func (b *Backend) SumSquares(m tensor.Mat) float64 {
	a := squaresArgs{m: operand("SumSquares", m)}
	if m.Len() == 0 {
		return 0
	}
	blocks := squaresBlocks(m.Rows, m.Cols)
	at := b.scratchOf(squaresScratch(m.Rows, m.Cols)...)
	a.sums = at[1]
	launch(b, squaresKernel, blocks, a)
	launch(b, totalKernel, 1, totalArgs{total: at[0], sums: at[1], n: int64(blocks)})
	var sum float64
	b.fetch(unsafe.Slice((*byte)(unsafe.Pointer(&sum)), 8), at[0])
	return sum
}

type adamArgs struct {
	w, master, m, v, grad                                   mat
	noise, seed                                             uint64
	beta1, beta2, one1, one2, scale, rate, root, eps, decay float32
	apart                                                   int32
}

// AdamW takes one optimizer step, in f32. The moments' biases are corrected in the factors: master
// -= LR/(1-β₁ᵗ) * m/(sqrt(v)/sqrt(1-β₂ᵗ)+ε) + LR*WeightDecay*master.
func (b *Backend) AdamW(w, master, m, v, grad tensor.Mat, s kernels.AdamStep) {
	for _, o := range []tensor.Mat{master, m, v, grad} {
		kernels.CheckShape("AdamW", "operand", o, w.Rows, w.Cols)
	}
	c1, c2 := 1-math.Pow(s.Beta1, float64(s.Step)), 1-math.Pow(s.Beta2, float64(s.Step))
	a := adamArgs{beta1: float32(s.Beta1), beta2: float32(s.Beta2),
		one1: float32(1 - s.Beta1), one2: float32(1 - s.Beta2),
		scale: float32(s.GradScale), rate: float32(s.LR / c1), root: float32(1 / math.Sqrt(c2)),
		eps: float32(s.Eps), decay: float32(s.LR * s.WeightDecay), apart: flag(w != master)}
	if m.Type != tensor.F32 || v.Type != tensor.F32 {
		a.noise = b.noiseWords()
	}
	b.staged("AdamW", w.Rows, []staged{{m: w}, {m: master, in: true, out: true},
		{m: m, in: true, out: true, types: []tensor.DType{tensor.M8}},
		{m: v, in: true, out: true, types: []tensor.DType{tensor.V8}}, {m: grad}},
		func(from, to int, list []mat) {
			a.w, a.master, a.m, a.v, a.grad = list[0], list[1], list[2], list[3], list[4]
			a.seed = kernels.SeedAt(s.Seed, from)
			launch(b, adamKernel, (to-from)*ceil(w.Cols, tensor.MomentRun), a)
		})
}

// noiseWords returns where the words of kernels.Noise lie on the device.
func (b *Backend) noiseWords() uint64 {
	if b.noise == nil {
		words := kernels.NoiseWords()
		arena, err := b.Alloc("noise", 4*len(words))
		b.must(err)
		b.noise = arena
		b.must(b.device.upload(uint64(arena.Device), unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 4*len(words))))
	}
	return uint64(b.noise.Device)
}
