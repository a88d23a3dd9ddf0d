package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// TestHeadDims runs the operations on heads, and the norm of one head a row, in every even dimension
// up to 256: against the oracle, and with the same bits on every instruction set of assembly.
func TestHeadDims(t *testing.T) {
	const rows, keys, heads, kv = 3, 70, 2, 1
	first := map[string][]float64{} // of assembly
	for _, o := range options() {
		o.Workers = 1
		t.Run(fmt.Sprintf("%s,dots=%s", o.ISA, o.Dots), func(t *testing.T) {
			r := newRig(t, o)
			for d := 2; d <= 256; d += 2 {
				if testing.Short() && d%8 == 0 || d%16 == 0 {
					continue
				}
				typ := types[d/2%2]
				gm, wm := r.got.Mark(), r.want.Mark()
				q, k, v := r.mat(typ, rows, heads*d, 1, 1), r.mat(typ, keys, kv*d, 1, 1), r.mat(typ, keys, kv*d, 1, 1)
				out, lse := r.mat(typ, rows, heads*d, 1, 1), r.mat(tensor.F32, rows, heads, 0, 1)
				do, dq := r.mat(typ, rows, heads*d, 1, 1), r.mat(typ, rows, heads*d, 1, 1)
				dk, dv := r.mat(tensor.F32, keys, kv*d, 1, 1), r.mat(tensor.F32, keys, kv*d, 1, 1)
				cs, turned := r.mat(tensor.F32, rows, d, 0, 1), r.mat(typ, rows, heads*d, 1, 1)
				w, y := r.mat(typ, 1, d, 0, 1), r.mat(typ, rows, d, 1, 1)
				a := &kernels.Attention{Heads: heads, KVHeads: kv, Dim: d, Scale: 1 / math.Sqrt(float64(d)),
					Queries: []kernels.Query{{Len: rows, Spans: []kernels.Span{{Len: keys}}}}}
				for i, b := range []kernels.Backend{r.b, oracle} {
					of := func(p pair) tensor.Mat { return []tensor.Mat{p.got, p.want}[i] }
					b.Attend(of(out), of(lse), of(q), of(k), of(v), a)
					b.AttendGrad(of(dq), of(dk), of(dv), of(do), of(out), of(lse), of(q), of(k), of(v), a)
					b.Rope(of(turned), of(q), of(cs), d%4 == 0)
					b.RMSNorm(of(y), of(q).ColSlice(0, d), of(w), 1e-6)
				}
				all := []pair{out, lse, dq, dk, dv, turned, y}
				for n, tol := range []float64{2e-6, 2e-6, 2e-5, 2e-5, 2e-5, 2e-6, 2e-6} {
					what := fmt.Sprintf("dim %d, %v, output %d", d, typ, n)
					if typ == tensor.BF16 && n != 5 && n != 6 {
						tol = 2e-2 // of the probabilities, which are rounded
					}
					r.close(what, all[n], tol)
					if got := elems(all[n].got); o.ISA == generic.String() {
						continue
					} else if first[what] == nil {
						first[what] = got
					} else if !slices.Equal(got, first[what]) {
						t.Errorf("%s: other bits than on another instruction set", what)
					}
				}
				r.got.Release(gm)
				r.want.Release(wm)
			}
		})
	}
}
