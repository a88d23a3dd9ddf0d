package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"spell/bench/shapes"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
)

// BenchmarkDecode is answers to a short prompt, one and eight at a time, from a model of the shapes of
// Qwen2.5-0.5B without content: tokens a second, the prompt's time apart.
func BenchmarkDecode(b *testing.B) {
	for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
		for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
			k, err := cpu.New(cpu.Options{Workers: threads})
			if err != nil {
				b.Fatal(err)
			}
			w, err := shapes.Random(k, shapes.Qwen05B, p, false)
			if err != nil {
				b.Fatal(err)
			}
			e, err := rollout.New(k, w, rollout.Options{Slots: 4096, Rows: 64})
			if err != nil {
				b.Fatal(err)
			}
			for _, n := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/answers=%d/threads=%d", p.Name, n, threads), func(b *testing.B) {
					var f forest.Forest
					f.Add(-1, make([]int32, 16), false)
					const tokens = 17
					var start time.Time
					e.OnProgress = func(_, _, _, sampled int) {
						if sampled == 0 {
							start = time.Now() // the prompt is read, which draws the first token of each answer
						}
					}
					generate := func() {
						if _, err := e.Generate(context.Background(), []rollout.Request{{Prompt: f, Leaves: []rollout.Leaf{{N: n, MaxTokens: tokens, Sampling: rollout.Sampling{TopP: 1}}}}}); err != nil {
							b.Fatal(err)
						}
					}
					generate() // packs the weights
					var rates []float64
					for b.Loop() {
						generate()
						rates = append(rates, float64(n*(tokens-1))/time.Since(start).Seconds())
					}
					slices.Sort(rates)
					b.ReportMetric(rates[len(rates)/2], "tokens/s")
				})
			}
			e.Free()
			w.Free()
			k.Close()
		}
	}
}
