package cpu

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"spell/kernels"
	"spell/tensor"
)

// peak returns the rate of fused multiply-adds of threads threads in GFLOP/s, now: one run of about
// a millisecond. It returns 0 without assembly.
func peak(threads int) float64 {
	const n = 100_000
	start := time.Now()
	var group sync.WaitGroup
	for range threads - 1 {
		group.Go(func() { bestISA().peak(n) })
	}
	if !bestISA().peak(n) {
		return 0
	}
	group.Wait()
	return float64(threads*n*peakFlops) / time.Since(start).Seconds() / 1e9
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

// pace runs f, flops operations per call, and reports the median rate and share of the peak. A
// shared machine changes its pace from moment to moment: the peak is measured every few
// milliseconds, and a rate is divided by those just before and after it.
func pace(b *testing.B, threads int, flops float64, f func()) {
	const span = 5 * time.Millisecond
	var rates, shares []float64
	f() // packs weights, grows scratch
	before, start, n := peak(threads), time.Now(), 0
	b.ResetTimer()
	for b.Loop() {
		f()
		n++
		if d := time.Since(start); d > span {
			b.StopTimer()
			rate, after := float64(n)*flops/d.Seconds()/1e9, peak(threads)
			rates = append(rates, rate)
			shares = append(shares, 200*rate/(before+after))
			before, start, n = after, time.Now(), 0
			b.StartTimer()
		}
	}
	if len(rates) == 0 {
		return
	}
	slices.Sort(rates)
	slices.Sort(shares)
	b.ReportMetric(rates[len(rates)/2], "GFLOP/s")
	if before > 0 {
		b.ReportMetric(shares[len(shares)/2], "%peak")
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
		if *a, err = k.Alloc("bench", 3<<29); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { r.params.Free(); r.rest.Free(); k.Close() })
	return r
}

// random returns a matrix of small random numbers.
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

// BenchmarkMatMul runs the three products of a linear layer: shapes [rows, in, out] of the nano
// model, of Qwen2.5 with 0.5B, 1.5B and 7B parameters, and squares, on one thread and on all. With
// few rows memory is the bound, and the rate at which weights are read is reported, too.
func BenchmarkMatMul(b *testing.B) {
	shapes := [][3]int{{100, 128, 128}, {800, 128, 352}, {96, 352, 128},
		{1, 896, 4864}, {8, 896, 4864}, {128, 896, 4864}, {512, 896, 4864}, {512, 4864, 896}, {1, 896, 151936},
		{8, 896, 151936},
		{512, 1536, 8960}, {1, 3584, 18944}, {256, 3584, 18944}, {512, 512, 512}, {1024, 1024, 1024}}
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
			for _, s := range shapes {
				m, k, n := s[0], s[1], s[2]
				name := func(form string) string {
					return fmt.Sprintf("%s/%v/%dx%dx%d/threads=%d", form, typ, m, k, n,
						threads)
				}
				flops := 2 * float64(m) * float64(n) * float64(k)
				b.Run(name("forward"), func(b *testing.B) {
					r := newBench(b, threads)
					x, w, y := r.random(r.rest, typ, m, k), r.random(r.params, typ, n, k), r.rest.New(typ, m, n)
					pace(b, threads, flops, func() { r.MatMul(y, x, w, tensor.Mat{}, false) })
					if m <= 8 {
						b.ReportMetric(float64(n*k*typ.Size())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
					}
				})
				if n > 100_000 {
					continue // the head has a gradient of its own
				}
				b.Run(name("gradX"), func(b *testing.B) {
					r := newBench(b, threads)
					dy, w, dx := r.random(r.rest, typ, m, n), r.random(r.params, typ, n, k),
						r.rest.New(tensor.F32, m, k)
					pace(b, threads, flops, func() { r.MatMulGradX(dx, dy, w, true) })
				})
				b.Run(name("gradW"), func(b *testing.B) {
					r := newBench(b, threads)
					dy, x, dw := r.random(r.rest, typ, m, n), r.random(r.rest, typ, m, k), r.rest.New(tensor.F32, n, k)
					pace(b, threads, flops, func() { r.MatMulGradW(dw, tensor.Mat{}, dy, x) })
				})
			}
		}
	}
}

// BenchmarkGroupMatMul runs the products of 128 experts of Qwen3-30B-A3B, 2048 to 768, of which
// each token takes 8: prefill and decode.
func BenchmarkGroupMatMul(b *testing.B) {
	const experts, ins, outs = 128, 2048, 768
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
			for _, tokens := range []int{512, 8} {
				rows := tokens * 8
				ends := make([]int32, experts)
				for i := range rows {
					for e := i * 37 % experts; e < experts; e++ {
						ends[e]++
					}
				}
				r := newBench(b, threads)
				x, w, y := r.random(r.rest, typ, rows, ins), r.random(r.params, typ, experts*outs, ins),
					r.rest.New(typ, rows, outs)
				dw := r.rest.New(tensor.F32, experts*outs, ins)
				flops := 2 * float64(rows) * ins * outs
				name := fmt.Sprintf("%v/%dx8of%d/threads=%d", typ, tokens, experts, threads)
				b.Run("forward/"+name, func(b *testing.B) {
					pace(b, threads, flops, func() { r.GroupMatMul(y, x, w, ends) })
				})
				b.Run("gradX/"+name, func(b *testing.B) {
					pace(b, threads, flops, func() { r.GroupMatMulGradX(x, y, w, ends, false) })
				})
				b.Run("gradW/"+name, func(b *testing.B) {
					pace(b, threads, flops, func() { r.GroupMatMulGradW(dw, y, x, ends) })
				})
			}
		}
	}
}

// BenchmarkHead computes the log-probabilities of targets over the vocabularies of the nano model,
// SmolLM-135M and Qwen2.5-0.5B: one product forward, three backward.
func BenchmarkHead(b *testing.B) {
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, s := range [][3]int{{256, 128, 1024}, {512, 576, 49152}, {512, 896, 151936}} {
			rows, dim, vocab := s[0], s[1], s[2]
			r := newBench(b, 1)
			x, w := r.random(r.rest, typ, rows, dim), r.random(r.params, typ, vocab, dim)
			stats, dx, dw := r.rest.New(tensor.F32, rows, 3), r.rest.New(tensor.F32, rows, dim),
				r.rest.New(tensor.F32, vocab, dim)
			targets, inv, coef, none := make([]int32, rows), make([]float32, rows), make([]float32, rows),
				make([]float32, rows)
			for i := range rows {
				targets[i], inv[i], coef[i] = int32(i*37%vocab), 1, 1
			}
			flops := 2 * float64(rows) * float64(dim) * float64(vocab)
			name := fmt.Sprintf("%v/%dx%dx%d", typ, rows, dim, vocab)
			b.Run("LogProb/"+name, func(b *testing.B) {
				pace(b, 1, flops, func() { r.LogProb(stats, x, w, targets, inv) })
			})
			b.Run("LogProbGrad/"+name, func(b *testing.B) {
				pace(b, 1, 3*flops, func() { r.LogProbGrad(dx, dw, stats, x, w, targets, inv, coef, none) })
			})
		}
	}
}

// BenchmarkAttend runs causal attention over one sequence, forward and gradient. The rate counts
// the useful products, 2 forward and 5 backward, of the query rows and keys that the mask allows.
// Names are TYPE/ROWS/HEADS,KVHEADSxDIM.
func BenchmarkAttend(b *testing.B) {
	for _, s := range []struct{ rows, heads, kv, dim int }{{240, 4, 4, 32}, {2048, 14, 2, 64}, {2048, 4, 1, 128},
		{2048, 1, 1, 64}, {8192, 1, 1, 64}, {32768, 1, 1, 64}, {2048, 1, 1, 128}, {8192, 1, 1, 128},
		{32768, 1, 1, 128}} {
		for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
			a := &kernels.Attention{Heads: s.heads, KVHeads: s.kv, Dim: s.dim, Scale: .125,
				Queries: []kernels.Query{{Len: int32(s.rows), Spans: []kernels.Span{{Len: int32(s.rows)}}}}}
			flops := float64(s.rows) * float64(s.rows+1) * float64(s.heads*s.dim) // of one product
			r := newBench(b, 1)
			m := func(cols int) tensor.Mat { return r.random(r.rest, typ, s.rows, cols) }
			q, o, do, dq, lse := m(s.heads*s.dim), m(s.heads*s.dim), m(s.heads*s.dim), m(s.heads*s.dim),
				r.rest.New(tensor.F32, s.rows, s.heads)
			k, v := m(s.kv*s.dim), m(s.kv*s.dim)
			dk, dv := r.rest.New(tensor.F32, s.rows, s.kv*s.dim), r.rest.New(tensor.F32, s.rows, s.kv*s.dim)
			name := fmt.Sprintf("%v/%d/%d,%dx%d", typ, s.rows, s.heads, s.kv, s.dim)
			b.Run("forward/"+name, func(b *testing.B) {
				pace(b, 1, 2*flops, func() { r.Attend(o, lse, q, k, v, a) })
			})
			b.Run("grad/"+name, func(b *testing.B) {
				pace(b, 1, 5*flops, func() { r.AttendGrad(dq, dk, dv, do, o, lse, q, k, v, a) })
			})
		}
	}
}

// BenchmarkDecode runs one token of eight answers with the heads of Qwen2.5-0.5B: to one prompt of
// 8,192 tokens, which is read once for all of them, and to a prompt each. The rate is that of
// reading keys and values that differ.
func BenchmarkDecode(b *testing.B) {
	const answers, prompt, heads, kv, dim = 8, 8192, 14, 2, 64
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
			for _, prompts := range []int{1, answers} {
				a := &kernels.Attention{Heads: heads, KVHeads: kv, Dim: dim, Scale: .125}
				for i := range int32(answers) {
					from := i % int32(prompts) * prompt
					a.Queries = append(a.Queries,
						kernels.Query{Row: i, Len: 1,
							Spans: []kernels.Span{{Row: from, Len: prompt}, {Row: int32(prompts*prompt) + i, Len: 1}}})
				}
				b.Run(fmt.Sprintf("%v/prompts=%d/threads=%d", typ, prompts, threads), func(b *testing.B) {
					r := newBench(b, threads)
					q, o := r.random(r.rest, typ, answers, heads*dim), r.rest.New(typ, answers, heads*dim)
					keys := prompts*prompt + answers
					k, v := r.random(r.rest, typ, keys, kv*dim), r.random(r.rest, typ, keys, kv*dim)
					pace(b, threads, 4*answers*(prompt+1)*heads*dim, func() { r.Attend(o, tensor.Mat{}, q, k, v, a) })
					b.ReportMetric(float64(2*keys*kv*dim*typ.Size())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
				})
			}
		}
	}
}
