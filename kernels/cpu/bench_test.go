package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"spell/kernels"
	"spell/tensor"
)

// peak is the fused multiply-add rate of one core in GFLOP/s, measured now: the best of a few
// short runs. 0 without assembly.
func peak() float64 {
	const n = 200_000
	best := 0.0
	for range 5 {
		t := time.Now()
		if !bestISA().peak(n) {
			return 0
		}
		best = max(best, float64(n*peakFlops)/time.Since(t).Seconds()/1e9)
	}
	return best
}

func BenchmarkPeakFMA(b *testing.B) {
	if !bestISA().peak(1) {
		b.Skip("no assembly for this processor")
	}
	const n = 10_000
	for b.Loop() {
		bestISA().peak(n)
	}
	b.ReportMetric(float64(n*peakFlops)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// report adds the rate and its share of the peak of the workers.
func report(b *testing.B, flops float64, top float64) {
	rate := flops * float64(b.N) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(rate, "GFLOP/s")
	if top > 0 {
		b.ReportMetric(100*rate/top, "%peak")
	}
}

// A bench is a backend and two arenas, of parameters and of everything else.
type bench struct {
	*Backend
	params, rest *tensor.Arena
}

func newBench(b *testing.B, workers int) *bench {
	k, err := New(Options{Workers: workers})
	if err != nil {
		b.Fatal(err)
	}
	r := &bench{Backend: k}
	for _, a := range []**tensor.Arena{&r.params, &r.rest} {
		if *a, err = k.Alloc("bench", 1<<28); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { r.params.Free(); r.rest.Free(); k.Close() })
	return r
}

// random is a matrix of small random numbers.
func (r *bench) random(a *tensor.Arena, t tensor.DType, rows, cols int) tensor.Mat {
	m := a.New(t, rows, cols)
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	v := make([]float32, rows*cols)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * .1)
	}
	kernels.Upload(r, m, v)
	return m
}

// BenchmarkMatMul is the three products of a linear layer: shapes [rows, in, out] of the nano
// model, of a 0.5B model and squares, on one thread and on two.
func BenchmarkMatMul(b *testing.B) {
	shapes := [][3]int{{100, 128, 128}, {800, 128, 352}, {96, 352, 128}, {128, 896, 4864}, {8, 896, 4864}, {1, 896, 4864}, {512, 512, 512}, {1024, 1024, 1024}}
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, workers := range []int{1, 2} {
			for _, s := range shapes {
				m, k, n := s[0], s[1], s[2]
				name := func(form string) string { return fmt.Sprintf("%s/%v/%dx%dx%d/workers=%d", form, typ, m, k, n, workers) }
				flops := 2 * float64(m) * float64(n) * float64(k)
				setup := func(b *testing.B) (r *bench, x, w, y tensor.Mat, top float64) {
					r = newBench(b, workers)
					x, w, y = r.random(r.rest, typ, m, k), r.random(r.params, typ, n, k), r.random(r.rest, typ, m, n)
					return r, x, w, y, peak() * float64(workers)
				}
				b.Run(name("forward"), func(b *testing.B) {
					r, x, w, y, top := setup(b)
					for b.Loop() {
						r.MatMul(y, x, w, tensor.Mat{}, false)
					}
					report(b, flops, top)
				})
				b.Run(name("gradX"), func(b *testing.B) {
					r, _, w, y, top := setup(b)
					dx := r.random(r.rest, tensor.F32, m, k)
					for b.Loop() {
						r.MatMulGradX(dx, y, w, true)
					}
					report(b, flops, top)
				})
				b.Run(name("gradW"), func(b *testing.B) {
					r, x, _, y, top := setup(b)
					dw := r.random(r.rest, tensor.F32, n, k)
					for b.Loop() {
						r.MatMulGradW(dw, tensor.Mat{}, y, x)
					}
					report(b, flops, top)
				})
			}
		}
	}
}

// BenchmarkAttend is causal attention over one sequence, forward and gradient; the rate counts
// the useful products, 2 forward and 5 backward.
func BenchmarkAttend(b *testing.B) {
	for _, s := range []struct{ rows, heads, kv, dim int }{{240, 4, 4, 32}, {2048, 1, 1, 64}, {2048, 14, 2, 64}} {
		a := &kernels.Attention{Heads: s.heads, KVHeads: s.kv, Dim: s.dim, Scale: .125,
			Queries: []kernels.Query{{Len: int32(s.rows), Spans: []kernels.Span{{Len: int32(s.rows)}}}}}
		flops := float64(s.rows) * float64(s.rows+1) * float64(s.heads*s.dim) // of one product
		r := newBench(b, 1)
		m := func(cols int) tensor.Mat { return r.random(r.rest, tensor.F32, s.rows, cols) }
		q, o, do, dq, lse := m(s.heads*s.dim), m(s.heads*s.dim), m(s.heads*s.dim), m(s.heads*s.dim), m(s.heads)
		k, v, dk, dv := m(s.kv*s.dim), m(s.kv*s.dim), m(s.kv*s.dim), m(s.kv*s.dim)
		name := fmt.Sprintf("%d/%d,%dx%d", s.rows, s.heads, s.kv, s.dim)
		b.Run("forward/"+name, func(b *testing.B) {
			top := peak()
			for b.Loop() {
				r.Attend(o, lse, q, k, v, a)
			}
			report(b, 2*flops, top)
		})
		b.Run("grad/"+name, func(b *testing.B) {
			top := peak()
			for b.Loop() {
				r.AttendGrad(dq, dk, dv, do, o, lse, q, k, v, a)
			}
			report(b, 5*flops, top)
		})
	}
}
