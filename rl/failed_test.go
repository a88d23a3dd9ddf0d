package rl_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
)

// A lenient game goes on without the items that failed.
type lenient struct {
	*relay
	failed []int // items of each round that was judged
}

func (g *lenient) Reward(errs []error) error {
	failed := 0
	for i, it := range g.round {
		if errs[i] != nil {
			failed++
		} else {
			g.items = append(g.items, it)
		}
	}
	g.failed = append(g.failed, failed)
	return nil
}

// TestFailedItems: items that fail are the game's to judge, in any round, unless all of a round do:
// then the step ends with the error of the first, unjudged, and nothing has changed.
func TestFailedItems(t *testing.T) {
	text, b := dialog(t), opentest.CPU(t, 1)
	for fail := range perRound + 1 {
		for round := range 2 {
			t.Run(fmt.Sprintf("%d in round %d", fail, round), func(t *testing.T) {
				w, err := runnertest.Random(b, shape(text.Tok.VocabSize()), model.F32)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Free()
				c := relayConfig()
				g := &lenient{relay: &relay{c: &c, text: text}}
				l, err := rl.NewLoop(&c, runner.Model{Backend: b, Weights: w, Text: text}, g)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Free()
				cause, began := errors.New("no such prompt"), 0
				g.next = func(stage string) error {
					if stage != "begin" {
						return nil
					}
					began++
					if at := began - 1 - round*perRound; 0 <= at && at < fail {
						return fmt.Errorf("item %d: %w", at, cause)
					}
					return nil
				}
				before := runnertest.State(t, l)
				_, err = l.Step(context.Background(), nil)
				if fail < perRound {
					if err != nil || len(g.failed) < 2 || g.failed[round] != fail {
						t.Errorf("the rounds had %v failed items; error %v", g.failed, err)
					}
					return
				}
				if !errors.Is(err, cause) || err.Error() != "item 0: no such prompt" || len(g.failed) != round {
					t.Errorf("the error is %v after %v failed items", err, g.failed)
				}
				if done, _ := l.Steps(); done != 0 || runnertest.State(t, l) != before {
					t.Error("the step changed the run")
				}
			})
		}
	}
}
