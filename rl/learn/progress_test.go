package learn

import (
	"context"
	"slices"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
)

// TestProgress: every forward pass is told of, those of trees that want to see themselves whole too,
// from the first to the last and each once.
func TestProgress(t *testing.T) {
	see := func([]forest.ScoredToken, []model.Stat) {}
	short, long, line := answers(6, 5), answers(6, 7), text(10, 4)
	s, l := short.Tokens(), long.Tokens()
	narrow := forest.Limits{Shared: 15, Batch: 16}
	for _, c := range []struct {
		name   string
		limits forest.Limits
		share  bool
		trees  []Tree
		told   []int // of how many tokens
	}{
		{"nothing", wide, false, nil, nil},
		{"one pass", wide, false, []Tree{{Forest: short}, {Forest: long}}, []int{s + l}},
		{"two passes", narrow, false, []Tree{{Forest: short}, {Forest: long}}, []int{s, s + l}},
		{"one is seen", wide, false, []Tree{{Forest: short}, {Forest: long, Before: see}},
			[]int{l, s + 2*l}},
		{"all are seen", wide, false, []Tree{{Forest: short, Before: see}, {Forest: long, Before: see}, {Forest: line, Before: see}},
			[]int{s, s + l, s + l + 10, 2 * (s + l + 10)}},
		{"all are seen, and shared", wide, true, []Tree{{Forest: short, Before: see}, {Forest: short, Before: see}},
			[]int{s, 2 * s, 4*s - short.SharedTokens()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told []int
			tr := newTrainer(t, opentest.CPU(t, 1), model.F32, c.limits)
			u := Updater{Trainer: tr, Limits: c.limits, Share: c.share}
			u.OnProgress = func(done, total int) {
				if told = append(told, done); total != c.told[len(c.told)-1] {
					t.Errorf("%d tokens in all, want %d", total, c.told[len(c.told)-1])
				}
			}
			for i := range c.trees {
				c.trees[i].Loss = nll(1)
			}
			if err := u.Accumulate(context.Background(), c.trees); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(told, c.told) {
				t.Errorf("told of %v tokens, want %v", told, c.told)
			}
		})
	}
}
