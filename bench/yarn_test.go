package bench

import (
	"context"
	"fmt"
	"math"
	"testing"

	"spell/bench/shapes"
	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/ref"
	"spell/model"
	"spell/model/forest"
)

// BenchmarkYaRN measures scoring of one text in a layer of the 135M shape, whose context of 32,768 is
// stretched to four times as much, and compares 32 of the log-probabilities with those of the
// oracle, which takes some minutes itself.
//
//	go test ./bench -run xxx -bench YaRN -benchtime 1x -timeout 2h
func BenchmarkYaRN(b *testing.B) {
	shape := shapes.Smol135M
	shape.Layers, shape.Context = 1, 1<<15
	shape, err := shape.Stretched(4)
	if err != nil {
		b.Fatal(err)
	}
	for _, tokens := range []int{8192, 131072} {
		b.Run(fmt.Sprintf("%d-tokens", tokens), func(b *testing.B) {
			k, err := cpu.New(cpu.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			ids := group(tokens, 1, 1, true)[0].Tokens
			text := forest.Forest{{Parent: -1, Tokens: ids, Scored: true}}
			d := scoring(b, k, shape, model.F32, forest.Limits{Batch: tokens})
			var got []model.Stat
			for b.Loop() {
				if got, err = d.Score(context.Background(), text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(tokens)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(sampledError(b, shape, ids, got), "nats-off")
		})
	}
}

// scoring returns a decoder with random weights.
func scoring(b *testing.B, k kernels.Backend, shape model.Config, p model.Precision,
	room forest.Limits) *model.Decoder {

	b.Helper()
	w, err := shapes.Random(k, shape, p, model.Inference)
	if err != nil {
		b.Fatal(err)
	}
	d, err := model.NewScorer(k, w, room)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Free(); w.Free() })
	return d
}

// sampledError returns the largest difference of the log-probabilities of ids from the oracle's at
// 32 places, and fails if it is above 2e-4. The oracle computes no other rows past their keys and
// values.
func sampledError(b *testing.B, shape model.Config, ids []int32, got []model.Stat) float64 {
	b.Helper()
	const places = 32
	var f forest.Forest
	var at []int // indices of the scored tokens
	parent, done := -1, 0
	for i := range places {
		next := (i + 1) * len(ids) / places
		parent = f.Add(parent, ids[done:next-1], false)
		parent = f.Add(parent, ids[next-1:next], true)
		at, done = append(at, next-1), next
	}
	d := scoring(b, ref.New[float64](), shape, model.F64, forest.Limits{Shared: len(ids), Batch: len(ids)})
	want, err := d.Score(context.Background(), f)
	if err != nil {
		b.Fatal(err)
	}
	worst := 0.0
	for i, n := range at {
		worst = max(worst, math.Abs(float64(got[n-1].LogProb-want[i].LogProb)))
	}
	if !(worst <= 2e-4) {
		b.Errorf("a log-probability is off by %g", worst)
	}
	return worst
}
