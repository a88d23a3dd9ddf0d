package cpu

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"spell/tensor"
)

// BenchmarkGrouped runs the products of 512 tokens with the 8 experts that each takes of 128, with
// the shapes of Qwen3-30B-A3B, by turns with the dense product of as many rows and operations, whose
// weights are those of one expert. It reports the rate and its share of the dense one.
func BenchmarkGrouped(b *testing.B) {
	const experts, rows = 128, 512 * 8
	ends := make([]int32, experts)
	for i := range rows {
		for e := i * 37 % experts; e < experts; e++ {
			ends[e]++
		}
	}
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16, tensor.I8} {
		act := typ
		if typ == tensor.I8 {
			act = tensor.F32
		}
		for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
			for _, shape := range [][2]int{{2048, 768}, {768, 2048}} {
				ins, outs := shape[0], shape[1]
				run := func(product string, prepare func(r *bench) (grouped, dense func())) {
					b.Run(fmt.Sprintf("%s/%v/%dx%d/threads=%d", product, typ, ins, outs, threads), func(b *testing.B) {
						grouped, dense := prepare(newBench(b, threads))
						shareOf(b, 2*rows*float64(ins)*float64(outs), grouped, dense)
					})
				}
				run("forward", func(r *bench) (_, _ func()) {
					x, y := r.random(r.rest, act, rows, ins), r.rest.New(act, rows, outs)
					w := r.weights(typ, experts*outs, ins)
					one := w.Slice(0, outs)
					return func() { r.GroupMatMul(y, x, w, ends) }, func() { r.MatMul(y, x, one, tensor.Mat{}, false) }
				})
				run("gradX", func(r *bench) (_, _ func()) {
					dy, dx := r.random(r.rest, act, rows, outs), r.rest.New(tensor.F32, rows, ins)
					w := r.weights(typ, experts*outs, ins)
					one := w.Slice(0, outs)
					return func() { r.GroupMatMulGradX(dx, dy, w, ends, false) },
						func() { r.MatMulGradX(dx, dy, one, false) }
				})
				if typ == tensor.I8 {
					continue
				}
				run("gradW", func(r *bench) (_, _ func()) {
					dy, x := r.random(r.rest, act, rows, outs), r.random(r.rest, act, rows, ins)
					dw := r.rest.New(tensor.F32, experts*outs, ins)
					one := dw.Slice(0, outs)
					return func() { r.GroupMatMulGradW(dw, dy, x, ends) },
						func() { r.MatMulGradW(one, tensor.Mat{}, dy, x) }
				})
			}
		}
	}
}

// shareOf runs two functions of flops operations each by turns. It reports the rate of the first, at
// the median of its times, and its share of the rate of the second.
func shareOf(b *testing.B, flops float64, f, dense func()) {
	rate := func(f func()) float64 {
		start := time.Now()
		f()
		return flops / time.Since(start).Seconds() / 1e9
	}
	for range 2 { // the second use packs the weights
		f()
		dense()
	}
	var rates, shares []float64
	for b.Loop() {
		r, d := rate(f), rate(dense)
		rates, shares = append(rates, r), append(shares, 100*r/d)
	}
	slices.Sort(rates)
	slices.Sort(shares)
	b.ReportMetric(rates[len(rates)/2], "GFLOP/s")
	b.ReportMetric(shares[len(shares)/2], "%dense")
}
