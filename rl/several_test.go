package rl_test

import (
	"context"
	"reflect"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl"
)

// TestSeveralUpdates: of a step's updates each has its share of the groups, and after the first the loss is
// that of off-policy samples. Where nothing is clipped it is that of samples whose probabilities are corrected
// by their ratio to those that they were sampled with, bit for bit.
func TestSeveralUpdates(t *testing.T) {
	for _, mean := range []string{"tokens", "groups", "roles", "samples", "constant"} {
		for _, ratio := range []string{"token", "sequence"} {
			c := relayConfig()
			c.LossMean, c.Ratio, c.Cap = mean, ratio, 1e6
			c.ClipLow, c.ClipHigh, c.DualClip = 1, 1e6, 0
			c.Updates = 2
			var shares [2][]rl.Group
			deal := func(groups []rl.Group) []rl.Group {
				shares = [2][]rl.Group{}
				var next [2]int
				for _, g := range groups {
					shares[next[g.Part]%2] = append(shares[next[g.Part]%2], g)
					next[g.Part]++
				}
				return groups
			}
			two, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
			g.chosen = deal
			u := step(t, two).Metrics.(*report).Update
			if two.Trainer().Steps != 2 || u.MaxLogpDiff != 0 || u.Clipped != 0 || len(shares[1]) == 0 {
				t.Errorf("%d updates, %+v", two.Trainer().Steps, u)
			}
			c.Updates = 1
			one, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
			off := shares[1]
			g.chosen = func(groups []rl.Group) []rl.Group { deal(groups); return shares[0] }
			step(t, one)
			g.chosen = func([]rl.Group) []rl.Group { return off }
			if u := step(t, one).Metrics.(*report).Update; u.MaxLogpDiff == 0 {
				t.Errorf("samples of other weights have the same probabilities: %+v", u)
			}
			if !reflect.DeepEqual(numbers(one), numbers(two)) {
				t.Errorf("%s, %s: a step of two updates leaves other weights than two steps", mean, ratio)
			}
		}
	}
}

// TestEpochs: samples that train again are clipped where they moved too far, also those that int8 weights
// sampled.
func TestEpochs(t *testing.T) {
	for _, int8 := range []bool{false, true} {
		c := relayConfig()
		c.Int8, c.Updates, c.Epochs = int8, 2, 3
		l, _ := newLoop(t, c, opentest.CPU(t, 2), model.BF16)
		u := step(t, l).Metrics.(*report).Update
		if l.Trainer().Steps != 6 || !(u.Clipped > 0.05 && u.Clipped < 0.95) || (u.MaxLogpDiff != 0) != int8 ||
			u.Masked != 0 {
			t.Errorf("int8 %v: %d updates, %+v", int8, l.Trainer().Steps, u)
		}
		c.Sampler, c.Cap = "mask", 1
		l, _ = newLoop(t, c, opentest.CPU(t, 2), model.BF16)
		if u := step(t, l).Metrics.(*report).Update; (u.Masked > 0.5) != int8 {
			t.Errorf("int8 %v, masked wherever it differs: %+v", int8, u)
		}
	}
}

// TestCancelBetweenUpdates: a step that is cancelled in its first update has changed nothing, and one that is
// cancelled later makes the others.
func TestCancelBetweenUpdates(t *testing.T) {
	for _, at := range []float64{0.71, 0.86} {
		c := relayConfig()
		c.Updates = 2
		l, _ := newLoop(t, c, opentest.CPU(t, 1), model.F32)
		before := numbers(l)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := l.Step(ctx, func(doing string, share float64, tokens int) {
			if doing == "updating" && share >= at {
				cancel()
			}
		})
		cancel()
		steps := l.Trainer().Steps
		if at < 0.85 && (err == nil || steps != 0 || !reflect.DeepEqual(numbers(l), before)) ||
			at > 0.85 && (err != nil || steps != 2) {
			t.Errorf("cancelled at %g: %d updates, %v", at, steps, err)
		}
	}
}
