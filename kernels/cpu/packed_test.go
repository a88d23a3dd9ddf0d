package cpu

import (
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// TestPackedProducts checks that packing the operands of a call whole, or in parts, gives the bits
// of calls too small for it.
func TestPackedProducts(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		if opts.ISA == generic.String() && opts.Workers > 1 {
			return
		}
		for _, typ := range types {
			r := newRig(t, opts)
			const m, k, n = packRows + 41, 533, packRows + 9
			x, w, dy := r.mat(typ, m, k, 0, 1).got, r.mat(typ, n, k, 0, 1).got, r.mat(typ, m, n, 0, 1).got
			dx := [2]tensor.Mat{r.got.New(tensor.F32, m, k), r.got.New(tensor.F32, m, k)}
			dw := [2]tensor.Mat{r.got.New(tensor.F32, n, k), r.got.New(tensor.F32, n, k)}
			for _, at := range []tensor.Mat{dx[0], dx[1], dw[0], dw[1]} {
				r.b.Zero(at)
			}
			for _, c := range [][2]int{{0, 100}, {100, 200}, {200, m}} {
				r.b.MatMulGradX(dx[1].Slice(c[0], c[1]), dy.Slice(c[0], c[1]), w, true)
			}
			for _, c := range [][2]int{{0, 130}, {130, n}} {
				r.b.MatMulGradW(dw[1].Slice(c[0], c[1]), tensor.Mat{}, dy.ColSlice(c[0], c[1]), x)
			}
			for _, part := range []int{1 << 23, 1 << 15, 1} {
				r.b.packPart = part
				r.b.Zero(dx[0])
				r.b.Zero(dw[0])
				r.b.MatMulGradX(dx[0], dy, w, true)
				r.b.MatMulGradW(dw[0], tensor.Mat{}, dy, x)
				if !slices.Equal(elems(dx[0]), elems(dx[1])) || !slices.Equal(elems(dw[0]), elems(dw[1])) {
					t.Errorf("%v: packed %d elements at a time, dx or dw are not those of small calls", typ, part)
				}
			}
		}
	})
}

// TestPackedHead checks the same for the products of the head.
func TestPackedHead(t *testing.T) {
	r := newRig(t, Options{})
	const rows, dim, vocab = packRows + 41, 533, kernels.VocabTile + 300
	for _, typ := range types {
		x, w := r.mat(typ, rows, dim, 0, .1).got, r.mat(typ, vocab, dim, 0, .1).got
		stats := r.got.New(tensor.F32, rows, 3)
		targets, inv, coef, entropy := make([]int32, rows), make([]float32, rows), make([]float32, rows),
			make([]float32, rows)
		for i := range rows {
			targets[i], inv[i], coef[i], entropy[i] = int32(i*7%vocab), 1, float32(i%5)-2, .01
		}
		r.b.LogProb(stats, x, w, targets, inv)
		var dx, dw [2]tensor.Mat
		for i, cuts := range [][][2]int{{{0, rows}}, {{0, 100}, {100, 200}, {200, rows}}} {
			dx[i], dw[i] = r.got.New(tensor.F32, rows, dim), r.got.New(tensor.F32, vocab, dim)
			r.b.Zero(dw[i])
			for _, c := range cuts {
				a, b := c[0], c[1]
				r.b.LogProbGrad(dx[i].Slice(a, b), dw[i], stats.Slice(a, b), x.Slice(a, b), w, targets[a:b], inv[a:b],
					coef[a:b], entropy[a:b])
			}
		}
		if !slices.Equal(elems(dx[0]), elems(dx[1])) || !slices.Equal(elems(dw[0]), elems(dw[1])) {
			t.Errorf("%v: the gradients of many rows are not those of few", typ)
		}
	}
}
