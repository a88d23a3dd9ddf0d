package rl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"encoding/json"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
)

// TestRun: any game runs, six steps at once, or three, a fourth that is killed in the middle and
// three after a resume, with the same bytes in every file; so do one and two workers.
func TestRun(t *testing.T) {
	text := dialog(t)
	for _, p := range []model.Precision{model.F32, model.BF16} {
		var first map[string]string
		for workers := 1; workers <= 2; workers++ {
			b := opentest.CPU(t, workers)
			straight, cut := t.TempDir(), t.TempDir()
			m := &relayMethod{config: relayConfig(), text: text, kill: -1}
			if err := m.run(straight, b, p, false); err != nil {
				t.Fatal(err)
			}
			if n := m.loop.Trainer().Steps; n != 6 {
				t.Errorf("%d of 6 steps trained", n)
			}
			want, verdict := runnertest.Outcome(t, straight, 3, 6), fmt.Sprint(m.loop.Verdict())
			m = &relayMethod{config: relayConfig(), text: text, kill: 4}
			if err := m.run(cut, b, p, false); !errors.Is(err, errKilled) {
				t.Fatalf("the run that is killed ends with %v", err)
			}
			m.kill = -1
			if err := m.run(cut, b, p, true); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(m.loop.Verdict()); got != verdict {
				t.Errorf("the verdict is %s, and after a resume %s", verdict, got)
			}
			runnertest.Same(t, fmt.Sprintf("%s, %d workers, resumed", p.Name, workers),
				runnertest.Outcome(t, cut, 3, 6), want)
			if first == nil {
				first = want
			}
			runnertest.Same(t, fmt.Sprintf("%s, %d workers", p.Name, workers), want, first)
		}
	}
}

// TestCutShort: a step that is cancelled in any stage leaves everything as it was and keeps what it
// had sampled. Made again, in the same process or by another that goes on from a checkpoint with
// what was written down, it has the same bytes and samples only what was missing.
func TestCutShort(t *testing.T) {
	b := opentest.CPU(t, 1)
	c := relayConfig()
	straight, _ := newLoop(t, c, b, model.F32)
	before, _ := take(t, straight)
	want, whole := take(t, straight)
	for _, tt := range []struct {
		stage string
		visit int  // the how-many-th item that comes to the stage
		kept  bool // whether anything was sampled before
	}{{"begin", 1, false}, {"continue", 1, true}, {"continue", 3, true}, {"end", 1, true}, {"done", 2, true},
		{"begin", 5, true}, {"continue", 5, true}, {"end", 6, true}, {"updating", 0, true}} {
		t.Run(fmt.Sprint(tt.stage, tt.visit), func(t *testing.T) {
			l, g := newLoop(t, c, b, model.F32)
			if got, _ := take(t, l); got != before {
				t.Fatal("two runs differ in their first step")
			}
			state, weights := runnertest.State(t, l), numbers(l)
			dir := t.TempDir()
			if err := l.Trainer().Save(dir, 1, 1, json.RawMessage(state), l.Model.Text.Save); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			visits := 0
			g.next = func(stage string) error {
				if stage == tt.stage {
					if visits++; visits == tt.visit {
						cancel()
					}
				}
				return nil
			}
			rep, err := l.Step(ctx, func(doing string, share float64, _ int) {
				if doing == tt.stage && share < 1 {
					cancel()
				}
			})
			g.next = nil
			if !errors.Is(err, context.Canceled) || rep != nil {
				t.Fatalf("cancelled: %v, %v", rep, err)
			}
			if runnertest.State(t, l) != state || !reflect.DeepEqual(numbers(l), weights) || l.Trainer().Steps != 1 {
				t.Error("the step that was cut short changed the run")
			}
			kept := l.Unfinished()
			if (kept.Len() > 0) != tt.kept {
				t.Errorf("%d outputs are kept", kept.Len())
			}
			var file bytes.Buffer
			if err := kept.Write(&file); err != nil {
				t.Fatal(err)
			}

			var saved []byte
			w, optimizer, err := train.Resume(b, filepath.Join(dir, train.Name(1)), model.F32, (*raw)(&saved))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(w.Free)
			again, _ := on(t, c, runner.Model{Backend: b, Weights: w, Text: l.Model.Text})
			if err := again.Restore(saved); err != nil {
				t.Fatal(err)
			}
			if err := optimizer(again.Trainer()); err != nil {
				t.Fatal(err)
			}
			if err := again.Unfinished().Read(&file); err != nil {
				t.Fatal(err)
			}
			for where, l := range map[string]*rl.Loop{"the same process": l, "another process": again} {
				got, played := take(t, l)
				if got != want || !reflect.DeepEqual(numbers(l), numbers(straight)) ||
					runnertest.State(t, l) != runnertest.State(t, straight) {
					t.Errorf("made again in %s the step differs:\n%s\n%s", where, got, want)
				}
				if fewer := played < whole; fewer != tt.kept || tt.stage == "updating" && played != 0 {
					t.Errorf("made again in %s the step reads and samples %d tokens, at once %d", where, played, whole)
				}
				if n := l.Unfinished().Len(); n != 0 {
					t.Errorf("after the step %d outputs are kept", n)
				}
			}
		})
	}
}

// raw takes a state as it is written.
type raw []byte

func (r *raw) UnmarshalJSON(text []byte) error { *r = bytes.Clone(text); return nil }

// TestShow: the share of a step that is done and the tokens of the step only grow, the share up to
// 1.
func TestShow(t *testing.T) {
	l, _ := newLoop(t, relayConfig(), opentest.CPU(t, 1), model.F32)
	share, through, doing := 0.0, 0, map[string]bool{}
	rep, err := l.Step(context.Background(), func(what string, s float64, tokens int) {
		if !(s >= share && s <= 1 && tokens >= through) {
			t.Errorf("%s: the share goes from %g to %g, tokens from %d to %d", what, share, s, through, tokens)
		}
		share, through, doing[what] = s, tokens, true
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Tokens != through {
		t.Errorf("%d tokens went through the model, %d were shown", rep.Tokens, through)
	}
	if share != 1 || !doing["continue"] || !doing["end"] || !doing["updating"] {
		t.Errorf("shown %v up to %g", doing, share)
	}
}

// TestErrors: an error of the game or of the update changes nothing, and the step can be made
// again.
func TestErrors(t *testing.T) {
	c := relayConfig()
	straight, _ := newLoop(t, c, opentest.CPU(t, 1), model.F32)
	want, _ := take(t, straight)
	l, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
	state, weights := runnertest.State(t, l), numbers(l)
	fails := func(what, say string) {
		t.Helper()
		rep, err := l.Step(context.Background(), nil)
		if rep != nil || err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v, %v", what, rep, err)
		}
		if runnertest.State(t, l) != state || !reflect.DeepEqual(numbers(l), weights) {
			t.Errorf("%s: the step that failed changed the run", what)
		}
	}
	n := 0
	g.next = func(stage string) error {
		if n++; n == 8 {
			return errors.New("an item's")
		}
		return nil
	}
	fails("an item", "an item's")
	g.next = nil
	g.chosen = func(groups []rl.Group) []rl.Group {
		groups[0].Samples[0].Advantage = math.Inf(1)
		return groups
	}
	fails("an infinite advantage", "the gradient norm is")
	g.chosen = func(groups []rl.Group) []rl.Group {
		var f forest.Forest
		f.Add(f.Chain(-1, make([]int32, 200)), []int32{1}, true)
		s := *groups[0].Samples[0]
		s.Segment, s.Forest, s.LogProbs = 1, f, s.LogProbs[:1]
		return append(groups, rl.Group{Forest: f, Weight: 1, Samples: []*rl.Sample{&s}})
	}
	fails("a prompt that no pass holds", "updating")
	g.chosen = nil
	if got, _ := take(t, l); got != want || !reflect.DeepEqual(numbers(l), numbers(straight)) {
		t.Errorf("the step made after the errors differs:\n%s\n%s", got, want)
	}
}
