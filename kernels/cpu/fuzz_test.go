package cpu

import (
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// FuzzProducts checks that, whatever the shapes, the three products and attention give the same
// bits on every instruction set with assembly and for any number of workers.
func FuzzProducts(f *testing.F) {
	var rigs []*Backend
	for _, o := range options() {
		for _, o.Workers = range []int{1, 3} {
			if o.ISA == generic.String() {
				continue
			}
			b, err := New(o)
			if err != nil {
				f.Fatal(err)
			}
			rigs = append(rigs, b)
		}
	}
	if len(rigs) == 0 {
		f.Skip("no assembly in this build or for this processor")
	}
	for _, s := range [][3]uint16{{1, 1, 1}, {13, 129, 65}, {300, 533, 260}, {3, 1100, 70}, {17, 40, 700}} {
		for how := range uint8(8) {
			f.Add(s[0], s[1], s[2], how)
		}
	}
	f.Fuzz(func(t *testing.T, rows, ins, outs uint16, how uint8) {
		m, k, n := int(rows%400)+1, int(ins%1300)+1, int(outs%900)+1
		for m*k*n > 1<<22 {
			m, k, n = max(m/2, 1), max(k*3/4, 1), max(n*3/4, 1)
		}
		typ := types[how&1]
		acc, gap := how&2 != 0, int(how>>2)
		wants := map[bool][][]float64{} // BFMMLA sums in a way of its own
		for _, b := range rigs {
			own := b.dots && b.isa.dotLayout() == quads
			want := wants[own]
			r := newRigOn(t, b)
			x, w, dy := r.mat(typ, m, k, gap%3, 1).got, r.mat(typ, n, k, gap%5, 1).got, r.mat(typ, m, n, gap%7, 1).got
			y, dx, dw := r.mat(typ, m, n, 1, 1).got, r.mat(tensor.F32, m, k, 2, 1).got,
				r.mat(tensor.F32, n, k, 0, 1).got
			b.MatMul(y, x, w, tensor.Mat{}, acc)
			b.MatMulGradX(dx, dy, w, acc)
			b.MatMulGradW(dw, tensor.Mat{}, dy, x)
			q, z := r.want.New(tensor.I8, n, k), r.mat(typ, m, n, 0, 1).got
			b.Quantize(q, w)
			for range 2 { // the second use packs q
				b.MatMul(z, x, q, tensor.Mat{}, false)
			}
			got := [][]float64{elems(y), elems(dx), elems(dw), elems(z)}
			if d := k/4*4 + 4; m*d < 1<<16 {
				a := &kernels.Attention{Heads: 2, KVHeads: 1, Dim: d, Scale: .1,
					Queries: []kernels.Query{{Len: int32(m), Spans: []kernels.Span{{Len: int32(m)}}}}}
				q, o, lse := r.mat(typ, m, 2*d, 0, 1).got, r.mat(typ, m, 2*d, 0, 1).got,
					r.mat(tensor.F32, m, 2, 0, 1).got
				keys, values := r.mat(typ, m, d, 0, 1).got, r.mat(typ, m, d, 0, 1).got
				b.Attend(o, lse, q, keys, values, a)
				got = append(got, elems(o), elems(lse))
			}
			if want == nil {
				wants[own], want = got, got
			}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Fatalf("rows %d, in %d, out %d, %v, acc %v: result %d of %s with %d workers is not that of %s", m,
						k, n, typ, acc, i, b.Name(), len(b.pool.workers), rigs[0].Name())
				}
			}
		}
	})
}
