package cpu

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"spell/kernels"
	"spell/tensor"
)

// BenchmarkUpdate measures what a change of the weights costs: AdamW on all matrices of some layers
// of Qwen2.5-0.5B and the first forward product of each after it, on few rows and on many.
func BenchmarkUpdate(b *testing.B) {
	shapes := [][2]int{{896, 896}, {128, 896}, {128, 896}, {896, 896}, {4864, 896}, {4864, 896}, {896, 4864}}
	const layers = 4
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, rows := range []int{16, 512} {
			for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
				b.Run(fmt.Sprintf("%v/rows=%d/threads=%d", typ, rows, threads), func(b *testing.B) {
					r := newBench(b, threads)
					var update, forward []func()
					step := kernels.AdamStep{LR: 1e-5, Beta1: .9, Beta2: .95, Eps: 1e-8, GradScale: 1, WeightDecay: .1,
						Step: 7}
					for range layers {
						for _, s := range shapes {
							n, k := s[0], s[1]
							state := func() tensor.Mat { m := r.params.New(tensor.F32, n, k); r.Zero(m); return m }
							w, m, v, grad := r.params.New(typ, n, k), state(), state(), state()
							master := w
							if typ != tensor.F32 {
								master = state()
							}
							r.Zero(w)
							x, y := r.rest.New(typ, rows, k), r.rest.New(typ, rows, n)
							update = append(update, func() { r.AdamW(w, master, m, v, grad, step) })
							forward = append(forward, func() { r.MatMul(y, x, w, tensor.Mat{}, false) })
						}
					}
					var times [2][]float64
					for b.Loop() {
						for i, list := range [2][]func(){update, forward} {
							start := time.Now()
							for _, f := range list {
								f()
							}
							times[i] = append(times[i], float64(time.Since(start))/1e6)
						}
					}
					for i, unit := range []string{"update-ms", "forward-ms"} {
						slices.Sort(times[i])
						b.ReportMetric(times[i][len(times[i])/2], unit)
					}
				})
			}
		}
	}
}
