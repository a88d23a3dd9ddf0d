package learn

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
)

// TestShare: trees that begin alike compute it once if they are to.
func TestShare(t *testing.T) {
	b := opentest.CPU(t, 1)
	tr := newTrainer(t, b, model.F32, wide)
	tokens := map[bool]int{}
	for _, share := range []bool{false, true} {
		u := Updater{Trainer: tr, Limits: wide, Share: share}
		u.OnProgress = func(_, total int) { tokens[share] = total }
		trees := []Tree{{Forest: answers(6, 5), Loss: nll(1)}, {Forest: answers(6, 7), Loss: nll(1)},
			{Forest: answers(4, 3), Loss: nll(1)}}
		if err := u.Accumulate(context.Background(), trees); err != nil {
			t.Fatal(err)
		}
	}
	if apart, once := 3*9+6+6+4+15, 9+6+4+15; tokens[false] != apart || tokens[true] != once {
		t.Errorf("apart %d tokens go through the model and together %d, want %d and %d", tokens[false], tokens[true],
			apart, once)
	}
}

// TestLimits: the same weights come out, bit for bit, however many tokens a batch holds and however
// many workers there are. (How many prompts a pass holds is the order of a sum.)
func TestLimits(t *testing.T) {
	forests := []forest.Forest{answers(6, 5, 7), text(12, 4), answers(6, 9), answers(4, 2, 2, 16), text(3, 1),
		text(16, 2)}
	for _, p := range []model.Precision{model.F32, model.BF16} {
		for _, share := range []bool{false, true} {
			var want [][]float64
			for _, l := range []forest.Limits{wide, {Shared: 256, Batch: 16}, {Shared: 256, Batch: 40}} {
				for workers := 1; workers <= 2; workers++ {
					tr := newTrainer(t, opentest.CPU(t, workers), p, l)
					u := Updater{Trainer: tr, Limits: l, Share: share}
					var trees []Tree
					for i, f := range forests {
						trees = append(trees, Tree{Forest: f, Loss: per(float32(1 + i))})
					}
					for range 2 {
						if norm, err := u.Update(context.Background(), trees, 1); err != nil || !(norm > 0) {
							t.Fatal(norm, err)
						}
					}
					got := weightsOf(tr)
					if want == nil {
						want = got
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s, share %v: %v with %d workers gives other weights", p.Name, share, l, workers)
					}
				}
			}
		}
	}
}

// TestScore: forests in passes of any size have the statistics that each has by itself, in order.
func TestScore(t *testing.T) {
	forests := []forest.Forest{answers(6, 5, 7), text(12, 4), answers(6, 9), text(3, 1)}
	for _, limits := range []forest.Limits{wide, {Shared: 15, Batch: 16}} {
		tr := newTrainer(t, opentest.CPU(t, 2), model.F32, limits)
		var want []model.Stat
		for _, f := range forests {
			_, stats := scores(t, tr, f)
			want = append(want, stats...)
		}
		told := 0
		u := Updater{Trainer: tr, Limits: limits, OnProgress: func(done, total int) {
			if done <= told || done > total {
				t.Errorf("told of %d of %d after %d", done, total, told)
			}
			told = done
		}}
		got, err := u.Score(context.Background(), forests)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v; %v", limits, got, want, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := u.Score(ctx, forests); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

// TestPack: trees join in order, as many as the limits allow shared tokens.
func TestPack(t *testing.T) {
	for _, tt := range []struct {
		sizes, passes []int // tokens of each
	}{
		{nil, nil},
		{[]int{5}, []int{5}},
		{[]int{10}, []int{10}},
		{[]int{5, 5, 5}, []int{10, 5}},
		{[]int{9, 3, 7, 10, 3}, []int{12, 7, 10, 3}},
	} {
		var trees []Tree
		for i, n := range tt.sizes {
			f := text(n-2, i)
			f.Add(0, []int32{1}, true)
			f.Add(0, []int32{2}, true)
			trees = append(trees, Tree{Forest: f})
		}
		limits := forest.Limits{Shared: 8, Batch: 2}
		var all forest.Forest
		var got []int
		n := 0
		for _, p := range (&Updater{Limits: limits}).pack(trees) {
			got = append(got, p.forest.Tokens())
			all.Append(p.forest)
			if err := p.forest.Validate(40, 128); err != nil {
				t.Error(err)
			}
			for _, r := range p.forest.Trees() { // in order, and whole
				want := trees[n].Forest
				if r[1]-r[0] != len(want) || !reflect.DeepEqual(p.forest[r[0]].Tokens, want[0].Tokens) ||
					p.forest[r[0]+2].Parent != int32(r[0]) {
					t.Errorf("%v: tree %d is another", tt.sizes, n)
				}
				n++
			}
		}
		if l, err := forest.NewLayout(all, limits); err != nil || len(l.Bundles) != len(got) {
			t.Errorf("%d passes are other groups, or %v", len(got), err)
		}
		if !reflect.DeepEqual(got, tt.passes) || n != len(trees) {
			t.Errorf("%v packs as %v, want %v", tt.sizes, got, tt.passes)
		}
	}
}
