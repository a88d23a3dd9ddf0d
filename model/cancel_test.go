package model

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/model/forest"
	"spell/model/internal/countdown"
)

// manyRoots has more scored tokens in one batch than the head takes at a time.
func manyRoots() forest.Forest {
	var f forest.Forest
	for i := range int32(headRows/8 + 1) {
		f.Add(-1, []int32{i % 19, i % 7, i % 5, 1, 2, 3, i % 11, i % 13, i % 17}, true)
	}
	return f
}

// gradientBits downloads all gradients and clears them.
func gradientBits(b *ref.Backend[float64], w *Weights) [][]float64 {
	var out [][]float64
	for _, p := range w.Params {
		g := make([]float64, p.Rows*p.Cols)
		kernels.Download(b, g, p.Grad)
		b.Zero(p.Grad)
		out = append(out, g)
	}
	return out
}

// TestCancel cancels a pass at each point where it can be, and holds what the decoder computes next
// against what it computed before.
func TestCancel(t *testing.T) {
	linear := func(scored []forest.ScoredToken, _ []Stat, dLogProb, dEntropy []float32) {
		for i, s := range scored {
			dLogProb[i], dEntropy[i] = coefficients(s)
		}
	}
	ids := []int32{3, 1, 4, 1, 5}
	layers := families()["llama"].Layers
	grown := len(grove())
	for name, c := range map[string]struct {
		f      forest.Forest
		limits forest.Limits
		a      Activations
		call   func(d *Decoder, ctx context.Context, f forest.Forest) (any, error)
		points int // at least
	}{
		"score": {grove(), forest.Limits{Shared: 12, Batch: 4}, RecomputeActivations,
			func(d *Decoder, ctx context.Context, f forest.Forest) (any, error) { return d.Score(ctx, f) }, grown},
		"step": {grove(), forest.Limits{Shared: 12, Batch: 4}, RecomputeActivations,
			func(d *Decoder, ctx context.Context, f forest.Forest) (any, error) { return d.Step(ctx, f, linear) },
			2 * grown},
		"step, activations kept": {grove(), forest.Limits{Shared: 12, Batch: 4}, KeepActivations,
			func(d *Decoder, ctx context.Context, f forest.Forest) (any, error) { return d.Step(ctx, f, linear) },
			2 * grown},
		"step, two chunks of the head": {manyRoots(), forest.Limits{Batch: 1 << 12}, RecomputeActivations,
			func(d *Decoder, ctx context.Context, f forest.Forest) (any, error) { return d.Step(ctx, f, linear) },
			2*layers + 4},
		"argmax": {nil, forest.Limits{Batch: len(ids)}, RecomputeActivations,
			func(d *Decoder, ctx context.Context, _ forest.Forest) (any, error) { return d.Argmax(ctx, ids) }, layers},
		"hidden states": {nil, forest.Limits{Batch: len(ids)}, RecomputeActivations,
			func(d *Decoder, ctx context.Context, _ forest.Forest) (any, error) {
				var all []float32
				err := d.Hidden(ctx, [][]int32{ids, ids[1:]}, func(_ int, rows []float32) {
					all = append(all, rows...)
				})
				if err != nil {
					all = nil
				}
				return all, err
			}, 2 * layers},
	} {
		t.Run(name, func(t *testing.T) {
			b, d := open64(t, families()["qwen3"], c.limits, c.a)
			run := func(ctx context.Context) (any, error) { return c.call(d, ctx, c.f) }
			want, err := run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			grads := gradientBits(b, d.W)
			for n := 0; ; n++ {
				got, err := run(countdown.New(context.Background(), n))
				if err == nil {
					if n < c.points {
						t.Errorf("it can be cancelled at %d points, want at least %d", n, c.points)
					}
					if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gradientBits(b, d.W), grads) {
						t.Error("a call after others that were cancelled differs")
					}
					return
				}
				if !errors.Is(err, context.Canceled) || !reflect.ValueOf(got).IsZero() {
					t.Fatalf("cancelled at point %d: %v, %v", n, got, err)
				}
				if used := d.arena.Used(); used != 0 {
					t.Fatalf("cancelled at point %d: %d bytes of scratch are in use", n, used)
				}
				gradientBits(b, d.W)
				if n%8 != 3 {
					continue // a whole call takes longer than all that were cut short
				}
				if got, err := run(context.Background()); err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("after a cancellation at point %d: other statistics, %v", n, err)
				}
				if !reflect.DeepEqual(gradientBits(b, d.W), grads) {
					t.Fatalf("after a cancellation at point %d: other gradients", n)
				}
			}
		})
	}
}

// TestCancelExtend does the like with a cache whose rows are written again.
func TestCancelExtend(t *testing.T) {
	b, d := open64(t, families()["qwen2"], forest.Limits{Batch: 1}, RecomputeActivations)
	c, err := NewCache(b, d.W, 8, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	how := []kernels.Sampling{{Temperature: 1, TopP: 1, U: 0.3}}
	extend := func(ctx context.Context) (ids []int32, logp []float32, err error) {
		queries := []kernels.Query{{Row: 0, Len: 4, Spans: []kernels.Span{{Row: 2, Len: 4}}}}
		if err := c.Extend(ctx, []int32{1, 2, 3, 4}, []int32{0, 1, 2, 3}, []int32{2, 3, 4, 5}, queries,
			[]int32{3}); err != nil {
			return nil, nil, err
		}
		return c.Sample([]int32{0}, how)
	}
	ids, logp, err := extend(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for n := range d.W.Layers {
		if _, _, err := extend(countdown.New(context.Background(), n)); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled before block %d: %v", n, err)
		}
		again, logpAgain, err := extend(context.Background())
		if err != nil || !reflect.DeepEqual(ids, again) || !reflect.DeepEqual(logp, logpAgain) {
			t.Fatalf("after a cancellation before block %d: %v %v, want %v %v; %v", n, again, logpAgain, ids, logp, err)
		}
	}
}
