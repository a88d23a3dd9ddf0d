package cpu

import (
	"slices"
	"testing"

	"spell/tensor"
)

// TestInt8Products checks that a product with int8 weights has the bits of that with the f32
// weights they stand for, for any number of rows, from panels and without, and on every instruction
// set.
func TestInt8Products(t *testing.T) {
	var first assembled
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		var all [][]float64
		for _, s := range [][3]int{{1, 1, 1}, {1, 64, 32}, {1, 1100, 70}, {2, 65, 33}, {3, 130, 129}, {5, 63, 17},
			{8, 200, 48}, {13, 77, 40}, {16, 1091, 95}, {40, 150, 70}, {200, 300, 1030}} {
			m, k, n := s[0], s[1], s[2]
			if testing.Short() && m*k*n > 1<<20 {
				continue
			}
			for _, typ := range types {
				gm, wm := r.got.Mark(), r.want.Mark()
				x, y, bias := r.mat(typ, m, k, 3, 1), r.mat(typ, m, n, 3, 1), r.mat(typ, 1, n, 0, 1)
				w := r.want.New(tensor.F32, n, k) // in another arena: one that no operation has written activations to
				q := r.want.New(tensor.I8, n, k)
				r.b.Quantize(q, r.mat(typ, n, k, 1, 1).got)
				r.b.Copy(w, q)
				for i := range 3 {
					before := elems(y.got)
					r.b.MatMul(y.got, x.got, w, bias.got, i > 0)
					want := elems(y.got)
					if i > 0 { // the same start again
						put(y.got, before)
					}
					r.b.MatMul(y.got, x.got, q, bias.got, i > 0)
					if !slices.Equal(elems(y.got), want) {
						t.Errorf("%v %v, use %d: not the bits of f32 weights", s, typ, i)
					}
				}
				all = append(all, elems(y.got))
				r.got.Release(gm)
				r.want.Release(wm)
			}
		}
		first.same(t, opts, all)
	})
}

// TestGradXWeights checks that gradients through weights of int8 and of bf16 have the bits of those
// through the f32 weights they stand for, however the weights are read, and on every instruction set.
func TestGradXWeights(t *testing.T) {
	var first assembled
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		var all [][]float64
		for _, s := range []struct{ m, k, n, packPart int }{
			{1, 1, 1, 0}, {3, 70, 63, 0}, {24, 130, 600, 0}, {30, 600, 700, 0}, {37, 401, 1024, 0}, {260, 100, 333, 0},
			{260, 90, 333, 1 << 12}, {700, 90, 200, 1 << 12},
		} {
			if testing.Short() && s.m*s.k*s.n > 1<<23 {
				continue
			}
			for _, typ := range types {
				gm, wm, part := r.got.Mark(), r.want.Mark(), r.b.packPart
				if s.packPart > 0 {
					r.b.packPart = s.packPart // so that there are several parts
				}
				dy, dx := r.mat(typ, s.m, s.k, 3, 1), r.mat(typ, s.m, s.n, 3, 1)
				w, q := r.want.New(tensor.F32, s.k, s.n), r.want.New(tensor.I8, s.k, s.n)
				h := r.want.New(tensor.BF16, s.k, s.n)
				r.b.Copy(h, r.mat(typ, s.k, s.n, 1, 1).got)
				r.b.Quantize(q, h)
				for i, other := range []tensor.Mat{q, h} {
					acc := i == 1
					r.b.Copy(w, other)
					before := elems(dx.got)
					r.b.MatMulGradX(dx.got, dy.got, w, acc)
					want := elems(dx.got)
					put(dx.got, before)
					r.b.MatMulGradX(dx.got, dy.got, other, acc)
					if !slices.Equal(elems(dx.got), want) {
						t.Errorf("%v %v, weights of %v: not the bits of f32 weights", s, typ, other.Type)
					}
					all = append(all, elems(dx.got))
				}
				r.b.packPart = part
				r.got.Release(gm)
				r.want.Release(wm)
			}
		}
		first.same(t, opts, all)
	})
}

// assembled are the results of the first instruction set with assembly.
type assembled [][]float64

// same checks that another instruction set has results of the same bits. Plain Go may differ.
func (first *assembled) same(t *testing.T, opts Options, all [][]float64) {
	t.Helper()
	if opts.ISA == generic.String() {
		return
	}
	if *first == nil {
		*first = all
	}
	for i := range all {
		if !slices.Equal(all[i], (*first)[i]) {
			t.Errorf("result %d has other bits than on another instruction set", i)
		}
	}
}

// put writes values that m holds exactly.
func put(m tensor.Mat, values []float64) {
	for i, v := range values {
		o := i/m.Cols*m.Stride + i%m.Cols
		if m.Type == tensor.BF16 {
			tensor.Elems[uint16](m)[o] = tensor.BF16Bits(float32(v))
		} else {
			tensor.Elems[float32](m)[o] = float32(v)
		}
	}
}
