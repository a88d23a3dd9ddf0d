package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"spell/bench/shapes"
	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
)

// group returns a prompt with some answers: one tree, or a tree for each answer with a prompt of
// its own.
func group(prompt, answers, answer int, shared bool) forest.Forest {
	ids := func(n, from int) []int32 {
		list := make([]int32, n)
		for i := range list {
			list[i] = int32((from*7919 + i*31) % 49000)
		}
		return list
	}
	var f forest.Forest
	root := -1
	for i := range answers {
		if root < 0 || !shared {
			root = f.Add(-1, ids(prompt, 0), false)
		}
		f.Add(root, ids(answer, i+1), true)
	}
	return f
}

// takeGradients returns the gradients of all weights, and makes them zero.
func takeGradients(k kernels.Backend, w *model.Weights) []float32 {
	var all []float32
	for _, p := range w.Params {
		g := make([]float32, p.Rows*p.Cols)
		kernels.Download(k, g, p.Grad)
		k.Zero(p.Grad)
		all = append(all, g...)
	}
	return all
}

// distance returns |a-b|/|b|.
func distance(a, b []float32) float64 {
	var apart, length float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		apart += d * d
		length += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(apart / length)
}

// BenchmarkSharedPrompt measures the gradients of a group of 8 answers of 128 tokens, with one
// prompt for all and with a prompt for each, on all workers. speed-up is the quotient of the times,
// predicted that of the operations (kernels/tally), share the one divided by the other. arenas is
// the quotient of what activations take with the whole group at once, and apart the distance of the
// two gradients, divided by their length.
func BenchmarkSharedPrompt(b *testing.B) {
	const answers, answer = 8, 128
	for _, prompt := range []int{512, 2048, 8192} {
		b.Run(fmt.Sprintf("135M/f32/%d", prompt), func(b *testing.B) {
			k, err := cpu.New(cpu.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			w, err := shapes.Random(k, shapes.Smol135M, model.F32, model.Training)
			if err != nil {
				b.Fatal(err)
			}
			defer w.Free()
			dry := tally.New(tally.Rates{})
			paper, err := model.NewWeights(dry, shapes.Smol135M, model.F32, model.Training)
			if err != nil {
				b.Fatal(err)
			}
			loss := func(scored []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
				for i := range dl {
					dl[i] = -1
				}
			}
			// One prompt at a time if each answer has its own.
			decoder := func(on kernels.Backend, w *model.Weights, stems int) *model.Decoder {
				room := forest.Limits{Shared: stems, Batch: answers * answer}
				d, err := model.NewTrainingDecoder(on, w, room, model.RecomputeActivations)
				if err != nil {
					b.Fatal(err)
				}
				return d
			}
			real, planned := decoder(k, w, prompt), decoder(dry, paper, prompt)
			defer real.Free()
			step := func(d *model.Decoder, f forest.Forest) time.Duration {
				start := time.Now()
				if _, err := d.Step(context.Background(), f, loss); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			step(real, group(prompt, answers, answer, true)) // memory is touched, weights are packed
			takeGradients(k, w)
			var seconds, flops, bytes [2]float64
			var apart float64
			for b.Loop() {
				var grads [2][]float32
				for i, shared := range []bool{true, false} {
					f := group(prompt, answers, answer, shared)
					before := dry.Work.Total()
					step(planned, f)
					flops[i] += dry.Work.Total() - before
					seconds[i] += step(real, f).Seconds()
					grads[i] = takeGradients(k, w)
					bytes[i] = float64(decoder(dry, paper, f.SharedTokens()).Bytes())
				}
				apart = max(apart, distance(grads[0], grads[1]))
			}
			speedup, predicted := seconds[1]/seconds[0], flops[1]/flops[0]
			b.ReportMetric(speedup, "speed-up")
			b.ReportMetric(predicted, "predicted")
			b.ReportMetric(100*speedup/predicted, "%share")
			b.ReportMetric(bytes[0]/bytes[1], "arenas")
			b.ReportMetric(apart, "apart")
			b.ReportMetric(flops[0]/seconds[0]/1e9, "GFLOP/s")
			b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "workers")
		})
	}
}
