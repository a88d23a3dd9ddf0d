package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/tensor"
)

// A rig runs the same operation on the backend under test and on the oracle in f64, each in an
// arena of its own with the same contents.
type rig struct {
	t    *testing.T
	rng  *rand.Rand
	b    *Backend
	got  *tensor.Arena
	want *tensor.Arena
}

func newRig(t *testing.T, opts Options) *rig {
	t.Helper()
	b, err := New(opts)
	if err != nil {
		t.Skip(err)
	}
	r := &rig{t: t, rng: rand.New(rand.NewPCG(1, 2)), b: b}
	for _, a := range []**tensor.Arena{&r.got, &r.want} {
		if *a, err = b.Alloc("test", 1<<26); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { r.got.Free(); r.want.Free(); b.Close() })
	return r
}

// A pair is a matrix in both arenas.
type pair struct{ got, want tensor.Mat }

// mat is a random matrix whose rows lie apart, the gaps filled with NaN.
func (r *rig) mat(t tensor.DType, rows, cols, gap int, scale float64) pair {
	p := pair{r.got.New(t, rows, cols+gap), r.want.New(t, rows, cols+gap)}
	v := make([]float32, rows*(cols+gap))
	for i := range v {
		v[i] = float32(r.rng.NormFloat64() * scale)
		if i%(cols+gap) >= cols {
			v[i] = float32(math.NaN())
		}
	}
	kernels.Upload(r.b, p.got, v)
	kernels.Upload(r.b, p.want, v)
	return pair{p.got.ColSlice(0, cols), p.want.ColSlice(0, cols)}
}

// elems reads m row by row.
func elems(m tensor.Mat) []float64 {
	v := make([]float64, 0, m.Len())
	for i := range m.Rows {
		for j := range m.Cols {
			o := i*m.Stride + j
			if m.Type == tensor.BF16 {
				v = append(v, float64(tensor.BF16Float(tensor.Elems[uint16](m)[o])))
			} else {
				v = append(v, float64(tensor.Elems[float32](m)[o]))
			}
		}
	}
	return v
}

// close fails unless got and want agree to tol of the largest element, one bf16 rounding more
// where that is the type, and the gaps of got still hold NaN.
func (r *rig) close(what string, p pair, tol float64) {
	r.t.Helper()
	if p.got.IsZero() {
		return
	}
	got, want := elems(p.got), elems(p.want)
	var top float64
	for _, w := range want {
		top = max(top, math.Abs(w))
	}
	for i := range got {
		limit := tol*(top+1e-6) + 1e-30
		if p.got.Type == tensor.BF16 {
			limit += math.Abs(want[i]) / 128
		}
		if d := math.Abs(got[i] - want[i]); !(d <= limit) {
			r.t.Fatalf("%s: element %d of %v is %g, want %g (off by %.2g, limit %.2g)", what, i, p.got, got[i], want[i], d, limit)
		}
	}
	if g := p.got.Stride - p.got.Cols; g > 0 && p.got.Rows > 1 {
		full := p.got
		full.Cols, full.Rows = full.Stride, full.Rows-1
		for i, v := range elems(full) {
			if i%full.Cols >= p.got.Cols && v == v {
				r.t.Fatalf("%s: the gap of %v was written", what, p.got)
			}
		}
	}
}

var oracle = ref.New[float64]()

func eachISA(t *testing.T, f func(t *testing.T, opts Options)) {
	for _, isa := range []string{"generic", "avx512"} {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/%d", isa, n), func(t *testing.T) { f(t, Options{Workers: n, ISA: isa}) })
		}
	}
}

var types = []tensor.DType{tensor.F32, tensor.BF16}

func TestMatMul(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, s := range [][3]int{{0, 5, 3}, {1, 1, 1}, {1, 40, 70}, {2, 33, 32}, {3, 128, 31}, {7, 600, 65}, {13, 64, 128}, {25, 1100, 40}, {100, 128, 96}, {30, 1024, 64}} {
			m, k, n := s[0], s[1], s[2]
			for _, xt := range types {
				for _, wt := range types {
					for _, acc := range []bool{false, true} {
						for _, gap := range []int{0, 3} {
							gm, wm := r.got.Mark(), r.want.Mark()
							what := fmt.Sprintf("%v %v %v acc=%v gap=%d", s, xt, wt, acc, gap)
							x, w := r.mat(xt, m, k, gap, 1), r.mat(wt, n, k, gap, 1)
							y, bias := r.mat(xt, m, n, gap, 1), r.mat(wt, 1, n, 0, 1)
							r.b.MatMul(y.got, x.got, w.got, bias.got, acc)
							oracle.MatMul(y.want, x.want, w.want, bias.want, acc)
							r.close("MatMul "+what, y, 3e-6)
							dx := r.mat(tensor.F32, m, k, gap, 1)
							dy := r.mat(xt, m, n, gap, 1)
							r.b.MatMulGradX(dx.got, dy.got, w.got, acc)
							oracle.MatMulGradX(dx.want, dy.want, w.want, acc)
							r.close("MatMulGradX "+what, dx, 3e-6)
							dw, db := r.mat(wt, n, k, gap, 1), r.mat(wt, 1, n, 0, 1)
							r.b.MatMulGradW(dw.got, db.got, dy.got, x.got)
							oracle.MatMulGradW(dw.want, db.want, dy.want, x.want)
							r.close("MatMulGradW dw "+what, dw, 3e-6)
							r.close("MatMulGradW db "+what, db, 3e-6)
							r.got.Release(gm)
							r.want.Release(wm)
						}
					}
				}
			}
		}
	})
}

func TestRows(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, s := range [][2]int{{0, 8}, {1, 1}, {3, 17}, {5, 128}, {300, 352}, {40, 1003}} {
			for _, typ := range types {
				gm, wm := r.got.Mark(), r.want.Mark()
				n, c := s[0], s[1]
				what := fmt.Sprintf("%v %v", s, typ)
				x, w, y := r.mat(typ, n, c, 2, 1), r.mat(typ, 1, c, 0, 1), r.mat(typ, n, c, 2, 1)
				r.b.RMSNorm(y.got, x.got, w.got, 1e-6)
				oracle.RMSNorm(y.want, x.want, w.want, 1e-6)
				r.close("RMSNorm "+what, y, 3e-6)
				dx, dw, dy := r.mat(typ, n, c, 2, 1), r.mat(tensor.F32, 1, c, 0, 1), r.mat(typ, n, c, 2, 1)
				r.b.RMSNormGrad(dx.got, dw.got, dy.got, x.got, w.got, 1e-6)
				oracle.RMSNormGrad(dx.want, dw.want, dy.want, x.want, w.want, 1e-6)
				r.close("RMSNormGrad dx "+what, dx, 3e-6)
				r.close("RMSNormGrad dw "+what, dw, 3e-6)
				g, u := r.mat(typ, n, c, 2, 4), r.mat(typ, n, c, 2, 1)
				r.b.SwiGLU(y.got, g.got, u.got)
				oracle.SwiGLU(y.want, g.want, u.want)
				r.close("SwiGLU "+what, y, 1e-6)
				dg, du := r.mat(typ, n, c, 2, 1), r.mat(typ, n, c, 2, 1)
				r.b.SwiGLUGrad(dg.got, du.got, dy.got, g.got, u.got)
				oracle.SwiGLUGrad(dg.want, du.want, dy.want, g.want, u.want)
				r.close("SwiGLUGrad dgate "+what, dg, 1e-6)
				r.close("SwiGLUGrad dup "+what, du, 1e-6)
				r.b.Copy(x.got, y.got)
				oracle.Copy(x.want, y.want)
				r.close("Copy "+what, x, 1e-6)
				rows := make([]int32, 2*n)
				for i := range rows {
					rows[i] = r.rng.Int32N(int32(n))
				}
				if n > 0 {
					z := r.mat(tensor.F32, 2*n, c, 1, 1)
					r.b.Gather(z.got, x.got, rows)
					oracle.Gather(z.want, x.want, rows)
					r.close("Gather "+what, z, 1e-6)
					r.b.ScatterAdd(dx.got, z.got, rows)
					oracle.ScatterAdd(dx.want, z.want, rows)
					r.close("ScatterAdd "+what, dx, 4e-3*float64(typ)+1e-6)
					perm := make([]int32, n)
					for i, p := range r.rng.Perm(n) {
						perm[i] = int32(p)
					}
					r.b.Scatter(dx.got, y.got, perm)
					oracle.Scatter(dx.want, y.want, perm)
					r.close("Scatter "+what, dx, 1e-6)
				}
				if a, b := r.b.SumSquares(x.got), oracle.SumSquares(x.want); math.Abs(a-b) > 1e-5*b {
					t.Fatalf("SumSquares %s: %g, want %g", what, a, b)
				}
				r.b.Zero(x.got)
				oracle.Zero(x.want)
				r.close("Zero "+what, x, 0)
				r.got.Release(gm)
				r.want.Release(wm)
			}
		}
	})
}

func TestRope(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, typ := range types {
			for _, d := range []int{8, 24, 32, 64, 128} {
				const n, heads = 37, 3
				pos, rot := make([]int32, n), kernels.Rotary{Dim: d, Scale: 1.5}
				for i := range pos {
					pos[i] = int32(i * i)
				}
				for j := range d / 2 {
					rot.InvFreq = append(rot.InvFreq, math.Pow(1e4, -2*float64(j)/float64(d)))
				}
				cs, x, y := r.mat(tensor.F32, n, d, 0, 1), r.mat(typ, n, heads*d, 3, 1), r.mat(typ, n, heads*d, 3, 1)
				r.b.RopeTable(cs.got, pos, rot)
				oracle.RopeTable(cs.want, pos, rot)
				r.close("RopeTable", cs, 1e-7)
				r.b.Rope(y.got, x.got, cs.got, false)
				oracle.Rope(y.want, x.want, cs.want, false)
				r.close("Rope", y, 1e-6)
				r.b.Rope(x.got, x.got, cs.got, true)
				oracle.Rope(x.want, x.want, cs.want, true)
				r.close("Rope inverse in place", x, 1e-6)
			}
		}
	})
}

func TestAdamW(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, typ := range types {
			for _, gap := range []int{0, 5} {
				w := r.mat(typ, 30, 700, gap, 1)
				master := w
				if typ != tensor.F32 {
					master = r.mat(tensor.F32, 30, 700, gap, 1)
				}
				m, v, g := r.mat(tensor.F32, 30, 700, gap, .1), r.mat(tensor.F32, 30, 700, gap, .1), r.mat(typ, 30, 700, gap, .1)
				for _, a := range []tensor.Mat{v.got, v.want} {
					e := tensor.Elems[float32](a)
					for i := range e {
						e[i] = float32(math.Abs(float64(e[i])))
					}
				}
				s := kernels.AdamStep{LR: 1e-2, Beta1: .9, Beta2: .98, Eps: 1e-8, WeightDecay: .1, GradScale: .5, Step: 3}
				r.b.AdamW(w.got, master.got, m.got, v.got, g.got, s)
				oracle.AdamW(w.want, master.want, m.want, v.want, g.want, s)
				for name, p := range map[string]pair{"w": w, "master": master, "m": m, "v": v} {
					r.close(fmt.Sprintf("AdamW %s %v gap %d", name, typ, gap), p, 1e-6)
				}
			}
		}
	})
}

// forest is a root with children over shared pages, and a second root.
func forest(heads, kv, dim int) *kernels.Attention {
	return &kernels.Attention{Heads: heads, KVHeads: kv, Dim: dim, Scale: 1 / math.Sqrt(float64(dim)), Queries: []kernels.Query{
		{Row: 0, Len: 90, Spans: []kernels.Span{{Row: 0, Len: 64}, {Row: 128, Len: 26}}},
		{Row: 90, Len: 5, Spans: []kernels.Span{{Row: 0, Len: 64}, {Row: 128, Len: 26}, {Row: 64, Len: 5}}},
		{Row: 95, Len: 1, Spans: []kernels.Span{{Row: 0, Len: 64}, {Row: 128, Len: 26}, {Row: 70, Len: 33}}},
		{Row: 96, Len: 0, Spans: nil},
		{Row: 96, Len: 10, Spans: []kernels.Span{{Row: 110, Len: 10}}},
	}}
}

func TestAttend(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, h := range [][3]int{{4, 4, 32}, {4, 2, 8}, {6, 1, 40}, {2, 2, 64}, {8, 2, 128}} {
			for _, typ := range types {
				a := forest(h[0], h[1], h[2])
				gm, wm := r.got.Mark(), r.want.Mark()
				what := fmt.Sprintf("%v %v", h, typ)
				q, o := r.mat(typ, 106, a.Heads*a.Dim, 8, 2), r.mat(typ, 106, a.Heads*a.Dim, 8, 0)
				k, v := r.mat(typ, 160, a.KVHeads*a.Dim, 8, 2), r.mat(typ, 160, a.KVHeads*a.Dim, 8, 1)
				lse := r.mat(tensor.F32, 106, a.Heads, 0, 1)
				r.b.Attend(o.got, lse.got, q.got, k.got, v.got, a)
				oracle.Attend(o.want, lse.want, q.want, k.want, v.want, a)
				tol := 2e-6 + float64(typ)*4e-3
				r.close("Attend o "+what, o, tol)
				r.close("Attend lse "+what, lse, 1e-6)
				do, dq := r.mat(typ, 106, a.Heads*a.Dim, 8, 1), r.mat(typ, 106, a.Heads*a.Dim, 8, 0)
				for _, gt := range types {
					dk, dv := r.mat(gt, 160, a.KVHeads*a.Dim, 8, 1), r.mat(gt, 160, a.KVHeads*a.Dim, 8, 1)
					r.b.AttendGrad(dq.got, dk.got, dv.got, do.got, o.got, lse.got, q.got, k.got, v.got, a)
					oracle.AttendGrad(dq.want, dk.want, dv.want, do.want, o.want, lse.want, q.want, k.want, v.want, a)
					gtol := tol + float64(gt)*3e-2
					r.close("AttendGrad dq "+what, dq, tol)
					r.close("AttendGrad dk "+what, dk, gtol)
					r.close("AttendGrad dv "+what, dv, gtol)
				}
				r.got.Release(gm)
				r.want.Release(wm)
			}
		}
	})
}

func TestHead(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, s := range [][3]int{{0, 8, 20}, {1, 16, 512}, {5, 33, 700}, {60, 128, 1024}, {3, 600, 1300}} {
			for _, typ := range types {
				gm, wm := r.got.Mark(), r.want.Mark()
				n, c, vocab := s[0], s[1], s[2]
				what := fmt.Sprintf("%v %v", s, typ)
				x, w := r.mat(typ, n, c, 3, 1), r.mat(typ, vocab, c, 3, 3/math.Sqrt(float64(c)))
				stats := r.mat(tensor.F32, n, 3, 0, 1)
				targets, inv, cl, ce := make([]int32, n), make([]float32, n), make([]float32, n), make([]float32, n)
				for i := range targets {
					targets[i], inv[i] = r.rng.Int32N(int32(vocab)), 1/(.5+r.rng.Float32())
					cl[i], ce[i] = float32(r.rng.NormFloat64()), float32(r.rng.NormFloat64())*float32(i%2)
				}
				r.b.LogProb(stats.got, x.got, w.got, targets, inv)
				oracle.LogProb(stats.want, x.want, w.want, targets, inv)
				r.close("LogProb "+what, stats, 1e-6)
				dx, dw := r.mat(typ, n, c, 3, 1), r.mat(tensor.F32, vocab, c, 3, 1)
				r.b.LogProbGrad(dx.got, dw.got, stats.got, x.got, w.got, targets, inv, cl, ce)
				oracle.LogProbGrad(dx.want, dw.want, stats.want, x.want, w.want, targets, inv, cl, ce)
				tol := 4e-6 + float64(typ)*2e-3
				r.close("LogProbGrad dx "+what, dx, tol)
				r.close("LogProbGrad dw "+what, dw, tol)

				z := r.mat(tensor.F32, n, vocab, 0, 1)
				r.b.MatMul(z.got, x.got, w.got, tensor.Mat{}, false)
				oracle.MatMul(z.want, x.want, w.want, tensor.Mat{}, false)
				for round := range 30 {
					ids, logp := [2][]int32{make([]int32, n), make([]int32, n)}, [2][]float32{make([]float32, n), make([]float32, n)}
					how := make([]kernels.Sampling, n)
					for i := range how {
						how[i] = kernels.Sampling{Temperature: .5 + r.rng.Float32(), TopP: []float32{1, .9, .3, 0}[round%4], TopK: []int{0, 1, 5}[round%3], U: r.rng.Float64()}
						if round%5 == 4 {
							how[i].Temperature = 0
						}
						inv[i] = 1
						if how[i].Temperature > 0 {
							inv[i] = 1 / how[i].Temperature
						}
					}
					r.b.Sample(ids[0], logp[0], z.got, how)
					oracle.Sample(ids[1], logp[1], z.want, how)
					for i := range how {
						if ids[0][i] != ids[1][i] {
							t.Fatalf("Sample %s: %+v drew %d, want %d", what, how[i], ids[0][i], ids[1][i])
						}
					}
					r.b.LogProb(stats.got, x.got, w.got, ids[0], inv)
					for i, v := range logp[0] {
						if lp := tensor.Elems[float32](stats.got)[3*i]; v != lp {
							t.Fatalf("Sample %s: logp %x, LogProb gives %x", what, v, lp)
						}
					}
				}
				r.got.Release(gm)
				r.want.Release(wm)
			}
		}
	})
}

// TestExp checks expf against math.Exp on a walk over its whole range: at most 2 ulp.
func TestExp(t *testing.T) {
	worst := 0.0
	for x := float32(-110); x < 90; x += 0.000731 {
		got, want := float64(expf(x)), math.Exp(float64(x))
		if want > math.MaxFloat32 {
			continue
		}
		ulp := math.Max(math.Abs(want)*math.Pow(2, -23), math.SmallestNonzeroFloat32)
		worst = max(worst, math.Abs(got-want)/ulp)
	}
	t.Logf("worst error %.3f of the value's 2⁻²³", worst)
	if worst > 1 { // half to one ulp
		t.Errorf("expf is off by %.2f × 2⁻²³", worst)
	}
	for x, want := range map[float32]float32{float32(math.Inf(-1)): 0, float32(math.Inf(1)): float32(math.Inf(1)), 0: 1, 100: float32(math.Inf(1)), -200: 0} {
		if got := expf(x); got != want {
			t.Errorf("expf(%g) = %g, want %g", x, got, want)
		}
	}
	if x := expf(float32(math.NaN())); x == x {
		t.Errorf("expf(NaN) = %g", x)
	}
}
