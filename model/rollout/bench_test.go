package rollout

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
)

// BenchmarkDecode is answers to a short prompt, one and eight at a time, from a model of the shapes of
// Qwen2.5-0.5B without content: tokens a second, the prompt's time apart.
func BenchmarkDecode(b *testing.B) {
	c := model.Config{Family: "qwen2", Vocab: 151936, Hidden: 896, FF: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64,
		QKVBias: true, Tied: true, NormEps: 1e-6, Context: 4096, Rope: model.Rope{Theta: 1e6}, BOS: -1}
	for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
		for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
			k, err := cpu.New(cpu.Options{Workers: threads})
			if err != nil {
				b.Fatal(err)
			}
			w, err := model.NewWeights(k, c, p, false)
			if err != nil {
				b.Fatal(err)
			}
			w.Initialize(k, 1, model.Init{})
			e, err := New(k, w, Options{Slots: 4096, Rows: 64})
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
						if _, err := e.Generate(context.Background(), []Request{{Prompt: f, Leaves: []Leaf{{N: n, MaxTokens: tokens, Sampling: Sampling{TopP: 1}}}}}); err != nil {
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
