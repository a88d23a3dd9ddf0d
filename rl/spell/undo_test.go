package spell

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/learn"
)

// TestNothingToTrainOn: without a good question the weights stay as they are, bit for bit, and
// the step says so.
func TestNothingToTrainOn(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Config)
		plan   plan
	}{
		"bad format":            {func(*Config) {}, plan{fate: "bad"}},
		"ungrounded":            {func(*Config) {}, plan{fate: "known"}},
		"all wrong":             {func(*Config) {}, plan{fate: "asked", yes: [2]int{0, 4}}},
		"few ballots":           {func(c *Config) { c.VerifierAny, c.VerifierGroups = false, 100 }, plan{fate: "asked", passes: 4, yes: [2]int{1, 3}}},
		"equal questions alone": {func(c *Config) { c.RoleWeights = [3]float64{1, 0, 0} }, plan{fate: "asked", passes: 2, yes: [2]int{1, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := small()
			tt.change(&c)
			step := plan{fate: "asked", passes: 2, yes: [2]int{1, 3}}
			r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(8, 4), func(n, _, i int) plan {
				if n == 0 && i < 5 {
					return plan{fate: "asked", passes: 1 + i%2, yes: step.yes} // so that the moments are not zero
				}
				return tt.plan
			})
			if rep, _, err := r.take(context.Background()); err != nil || rep.Update.GradNorm == 0 {
				t.Fatalf("first step: %v, %v", rep, err)
			}
			before, steps := numbers(r), r.Trainer().Steps
			rep, records, err := r.take(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(before, numbers(r)) || r.Trainer().Steps != steps {
				t.Error("weights or optimizer changed")
			}
			if !strings.Contains(rep.String(), "nothing to train on: weights unchanged") {
				t.Errorf("the step is described as %q", rep)
			}
			for _, rec := range records {
				for _, s := range rec.Samples {
					if s.Trained || rec.Version != 1 {
						t.Errorf("record %+v", rec)
					}
				}
			}
			// The weights of the third step have seen one update too.
			if _, records, err = r.take(context.Background()); err != nil || records[0].Version != 1 ||
				records[0].Step != 3 {
				t.Errorf("third step: %v, version %d", err, records[0].Version)
			}
		})
	}
}

// TestCancel: a step cancelled in any phase leaves everything as it was, and the same step run
// again gives the same bytes.
func TestCancel(t *testing.T) {
	c := small()
	c.Questions, c.MaxRounds, c.Draw = 3, 2, len(fates)
	steps := func(r *run) string {
		rep, records, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal([]any{rep, records})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	docs := documents(12, 4)
	straight, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, docs, fateOf)
	first, second := steps(straight), steps(straight)
	for last := stageAsk; last <= stageVerify+1; last++ {
		r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, docs, fateOf)
		if got := steps(r); got != first {
			t.Fatal("two runs differ in their first step")
		}
		for visit := range 2 { // in the first and in the second round
			before, weights := r.state(t), numbers(r)
			ctx, cancel := context.WithCancel(context.Background())
			n := 0
			s.stop = func(at stage) {
				if at == last {
					if n++; n > visit {
						cancel()
					}
				}
			}
			if last > stageVerify {
				s.stop = nil
				cancel()
			}
			rep, records, err := r.take(ctx)
			cancel()
			if !errors.Is(err, context.Canceled) || rep != nil || records != nil {
				t.Fatalf("stage %d: %v, %v", last, rep, err)
			}
			if after := r.state(t); after != before {
				t.Errorf("stage %d: the state went from %s to %s", last, before, after)
			}
			if !reflect.DeepEqual(weights, numbers(r)) {
				t.Errorf("stage %d: the weights changed", last)
			}
		}
		s.stop = nil
		if got := steps(r); got != second {
			t.Errorf("stage %d: the step run again differs:\n%s\n%s", last, got, second)
		}
		if !reflect.DeepEqual(numbers(r), numbers(straight)) {
			t.Errorf("stage %d: the weights differ", last)
		}
	}
	// An update whose last pass is done is finished.
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, docs, fateOf)
	steps(r)
	ctx, cancel := context.WithCancel(context.Background())
	show := func(doing string, share float64, _ int) {
		if doing == "updating" && share == 1 {
			cancel()
		}
	}
	if _, err := r.Step(ctx, show); err != nil || ctx.Err() == nil {
		t.Errorf("cancelled at the end of the update: %v", err)
	}
	if !reflect.DeepEqual(numbers(r), numbers(straight)) || r.state(t) != straight.state(t) {
		t.Error("a step cancelled in its update ends otherwise")
	}
}

// TestOverflow: a gradient that is not finite changes nothing, and the error says how to go on with
// another rate, which a resumed run refuses.
func TestOverflow(t *testing.T) {
	c := small()
	c.Draw = len(fates)
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), fateOf)
	before, state := numbers(r), r.state(t)
	g := r.Model.Weights.Params[0].Grad
	kernels.Upload(r.Model.Backend, g.Slice(0, 1), slices.Repeat([]float32{float32(math.Inf(1))}, g.Cols))
	_, _, err := r.take(context.Background())
	if err == nil || !strings.Contains(err.Error(), "the gradient norm is") ||
		!strings.Contains(err.Error(), learn.Slower) {
		t.Fatalf("the step ends with %v", err)
	}
	if !reflect.DeepEqual(numbers(r), before) || r.state(t) != state {
		t.Error("the step that failed changed the run")
	}
}
