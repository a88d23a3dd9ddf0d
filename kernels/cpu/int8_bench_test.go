package cpu

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"spell/tensor"
)

// BenchmarkInt8 runs y = x·wᵀ with few rows, [rows, in, out] as in BenchmarkMatMul, with weights in
// f32, bf16 and int8. It reports GB/s of weights, scales included, and their share of the rate at
// which bytes.IndexByte, the fastest reader of the standard library, reads as many bytes just
// after.
func BenchmarkInt8(b *testing.B) {
	for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
		for _, s := range [][3]int{{1, 896, 4864}, {1, 896, 151936}, {1, 3584, 18944}, {8, 896, 151936},
			{8, 3584, 18944}, {512, 896, 4864}} {
			m, k, n := s[0], s[1], s[2]
			for _, typ := range []tensor.DType{tensor.F32, tensor.BF16, tensor.I8} {
				b.Run(fmt.Sprintf("%v/%dx%dx%d/threads=%d", typ, m, k, n, threads), func(b *testing.B) {
					r := newBench(b, threads)
					x, y := r.random(r.rest, tensor.F32, m, k), r.rest.New(tensor.F32, m, n)
					w := r.weights(typ, n, k)
					size := n * w.Stride * typ.Size()
					scan := r.rest.Host[r.rest.Used():][:size]
					for i := range scan {
						scan[i] = 1
					}
					multiply := func() { r.MatMul(y, x, w, tensor.Mat{}, false) }
					multiply() // the second use packs the weights
					multiply()
					var rates, shares []float64
					for b.Loop() {
						rate, read := throughput(size, multiply), throughput(size, func() { readAll(scan, threads) })
						rates, shares = append(rates, rate), append(shares, 100*rate/read)
					}
					slices.Sort(rates)
					slices.Sort(shares)
					b.ReportMetric(rates[len(rates)/2], "GB/s")
					b.ReportMetric(shares[len(shares)/2], "%read")
					b.ReportMetric(rates[len(rates)/2]/float64(size)*float64(2*m*n*k), "GFLOP/s")
				})
			}
		}
	}
}

// weights returns a matrix of small random numbers, in a type that may be I8.
func (r *bench) weights(t tensor.DType, rows, cols int) tensor.Mat {
	if t != tensor.I8 {
		return r.random(r.params, t, rows, cols)
	}
	w := r.params.New(t, rows, cols)
	defer r.rest.Release(r.rest.Mark())
	r.Quantize(w, r.random(r.rest, tensor.F32, rows, cols))
	return w
}

func throughput(size int, f func()) float64 {
	n := max(1, 1<<22/size)
	start := time.Now()
	for range n {
		f()
	}
	return float64(n*size) / time.Since(start).Seconds() / 1e9
}

// readAll reads memory that holds no 2.
func readAll(memory []byte, threads int) {
	var group sync.WaitGroup
	for i := range threads {
		part := memory[i*len(memory)/threads : (i+1)*len(memory)/threads]
		group.Go(func() { bytes.IndexByte(part, 2) })
	}
	group.Wait()
}

// BenchmarkInt8GradX runs dx = dy·w, [rows, in, out] as in BenchmarkMatMul, with weights in f32 and
// int8 by turns. It reports the rate of int8 and its share of that of f32.
func BenchmarkInt8GradX(b *testing.B) {
	for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
		for _, s := range [][3]int{{16, 3584, 3584}, {256, 896, 4864}, {256, 3584, 3584}, {1024, 896, 4864}} {
			m, n, k := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("%dx%dx%d/threads=%d", m, n, k, threads), func(b *testing.B) {
				r := newBench(b, threads)
				dy, dx := r.random(r.rest, tensor.F32, m, k), r.rest.New(tensor.F32, m, n)
				w, q := r.weights(tensor.F32, k, n), r.weights(tensor.I8, k, n)
				one := func(w tensor.Mat) float64 {
					start := time.Now()
					r.MatMulGradX(dx, dy, w, false)
					return float64(2*m*n*k) / time.Since(start).Seconds() / 1e9
				}
				one(w)
				one(q)
				var rates, shares []float64
				for b.Loop() {
					f, i := one(w), one(q)
					rates, shares = append(rates, i), append(shares, 100*i/f)
				}
				slices.Sort(rates)
				slices.Sort(shares)
				b.ReportMetric(rates[len(rates)/2], "GFLOP/s")
				b.ReportMetric(shares[len(shares)/2], "%f32")
			})
		}
	}
}
