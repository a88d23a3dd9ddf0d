// Package learn makes one update of the weights from trees of text, each with a loss of its own.
//
// A GRPO group, a line to be learned by heart and a pair of which one answer is preferred are all a
// forest with a function from log-probabilities to coefficients; what differs between recipes is
// that function, a value, and not the update. Totals that a loss divides by are those of the whole
// update and known before it begins, so that the passes it is cut into add up.
package learn

import (
	"context"
	"fmt"
	"math"

	"spell/model"
	"spell/model/forest"
	"spell/model/train"
)

// A Tree is text to learn from.
type Tree struct {
	Forest forest.Forest

	// Loss returns the derivatives for scored tokens of this tree, whose segments have the numbers
	// they have in Forest. It is called once per batch of the tree's tokens.
	Loss model.Loss

	// Before, if set, is shown the tree's statistics under the weights as they are, all at once and
	// before any Loss of the update: what a loss over several sequences needs, such as that of a
	// preferred answer and another. They are the bits that Loss will see; they cost one forward
	// pass, whose tokens OnProgress counts as well.
	Before func(scored []forest.ScoredToken, stats []model.Stat)
}

// An Updater applies trees to the weights of a trainer.
type Updater struct {
	Trainer *train.Trainer
	Limits  forest.Limits
	// Share lets trees that begin with the same segments compute these once, in passes of the
	// shared segments that the limits allow.
	Share bool

	// OnProgress, if set, is told after every pass how many of all tokens went through the model; those
	// of a tree with Before do so twice.
	OnProgress func(done, total int)
}

// Update makes one update from the trees with the learning rate scaled by schedule and returns the
// norm of the gradient before clipping. On error, cancellation included, the weights are as before.
func (u *Updater) Update(ctx context.Context, trees []Tree, schedule float64) (norm float64, err error) {
	if err := u.Accumulate(ctx, trees); err != nil {
		u.Trainer.ZeroGrad()
		return 0, err
	}
	norm, err = u.Trainer.Update(schedule)
	if err != nil {
		err = fmt.Errorf("%w; %s", err, Slower)
	}
	return norm, err
}

// Slower is what to do if the learning rate is too high.
const Slower = "a run keeps the learning rate it began with, so begin another with a lower one and another --out, " +
	"from the model or from a good checkpoint: --model OUT/step-N"

// Accumulate adds the gradients of the trees without applying them.
func (u *Updater) Accumulate(ctx context.Context, trees []Tree) error {
	passes := u.pack(trees)
	through := u.progress(passes, trees)
	if err := u.before(ctx, trees, through); err != nil {
		return err
	}
	for _, p := range passes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := u.Trainer.Accumulate(ctx, p.forest, p.loss(trees)); err != nil {
			return fmt.Errorf("updating: %w", err)
		}
		through(p.forest.Tokens())
	}
	return nil
}

// progress returns what counts tokens that went through the model and tells of them. All are those of
// the passes, and those of trees with Before once more.
func (u *Updater) progress(passes []*pass, trees []Tree) (through func(tokens int)) {
	done, total := 0, 0
	for _, p := range passes {
		total += p.forest.Tokens()
	}
	for _, t := range trees {
		if t.Before != nil {
			total += t.Forest.Tokens()
		}
	}
	return func(tokens int) {
		done += tokens
		if u.OnProgress != nil {
			u.OnProgress(done, total)
		}
	}
}

// Score returns the statistics of the scored tokens of forests under the weights as they are: forest
// after forest, and within one in the order of segments. The first token of a root has none.
func (u *Updater) Score(ctx context.Context, forests []forest.Forest) ([]model.Stat, error) {
	trees := make([]Tree, len(forests))
	for i, f := range forests {
		trees[i].Forest = f
	}
	var all []model.Stat
	passes := u.pack(trees)
	through := u.progress(passes, trees)
	for _, p := range passes {
		stats, err := u.Trainer.Decoder.Score(ctx, p.forest)
		if err != nil {
			return nil, err
		}
		all = append(all, stats...)
		through(p.forest.Tokens())
	}
	return all, nil
}

// ScoreWith scores forests with other weights than the trainer's, such as those that a run began with. It
// shows the scored tokens of each, in as many calls as a Loss gets, with their statistics.
func (u *Updater) ScoreWith(ctx context.Context, w *model.Weights, forests []forest.Forest,
	show func(i int, scored []forest.ScoredToken, stats []model.Stat)) error {

	trees := make([]Tree, len(forests))
	for i, f := range forests {
		trees[i] = Tree{Forest: f, Loss: func(scored []forest.ScoredToken, stats []model.Stat, _, _ []float32) {
			show(i, scored, stats)
		}}
	}
	d := u.Trainer.Decoder.With(w)
	passes := u.pack(trees)
	through := u.progress(passes, trees)
	for _, p := range passes {
		layout, err := forest.NewLayout(p.forest, u.Limits)
		if err != nil {
			return err
		}
		stats, err := d.Score(ctx, p.forest)
		if err != nil {
			return fmt.Errorf("scoring: %w", err)
		}
		unused := make([]float32, len(stats))
		p.loss(trees)(layout.Scored, stats, unused, unused)
		through(p.forest.Tokens())
	}
	return nil
}

// before scores the trees that want to see themselves whole, and tells through of their tokens.
func (u *Updater) before(ctx context.Context, trees []Tree, through func(tokens int)) error {
	for i := range trees {
		t := &trees[i]
		if t.Before == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		layout, err := forest.NewLayout(t.Forest, u.Limits)
		if err != nil {
			return err
		}
		stats, err := u.Trainer.Decoder.Score(ctx, t.Forest)
		if err != nil {
			return fmt.Errorf("scoring: %w", err)
		}
		t.Before(layout.Scored, stats)
		through(t.Forest.Tokens())
	}
	return nil
}

// A pass is trees that go through the model together.
type pass struct {
	forest   forest.Forest
	origin   []origin // of each segment of forest
	shared   int      // tokens of segments that others continue, of trees that were appended
	branches int      // and of the others
}

// An origin is the tree that a segment was first added with and its number there.
type origin struct{ tree, segment int32 }

// pack joins trees, in order, into passes that the limits hold.
func (u *Updater) pack(trees []Tree) []*pass {
	var passes []*pass
	join := (*pass).append
	if u.Share {
		join = (*pass).graft
	}
	for t := range trees {
		if n := len(passes); n > 0 && join(passes[n-1], trees[t].Forest, t, u.Limits) {
			continue
		}
		p := &pass{} // what no pass holds, the decoder refuses
		join(p, trees[t].Forest, t, forest.Limits{Shared: math.MaxInt, Batch: math.MaxInt})
		passes = append(passes, p)
	}
	return passes
}

// append adds a tree if the limits hold its shared segments beside those of the others. Trees
// without shared segments are added up to a batch.
func (p *pass) append(f forest.Forest, tree int, l forest.Limits) bool {
	shared := f.SharedTokens()
	branches := f.Tokens() - shared
	if p.shared+shared > l.Shared || p.shared+shared == 0 && p.branches+branches > l.Batch {
		return false
	}
	p.shared, p.branches = p.shared+shared, p.branches+branches
	p.forest.Append(f)
	for s := range f {
		p.origin = append(p.origin, origin{int32(tree), int32(s)})
	}
	return true
}

// graft adds a tree if the limits hold all shared segments, of which those that the tree has in
// common with others are there once.
func (p *pass) graft(f forest.Forest, tree int, l forest.Limits) bool {
	had := len(p.forest)
	at := p.forest.Graft(f)
	if p.forest.SharedTokens() > l.Shared || l.Live > 0 && p.forest.LiveTokens() > l.Live {
		p.forest = p.forest[:had]
		return false
	}
	for s, place := range at {
		if int(place) == len(p.origin) { // not shared with a tree before it
			p.origin = append(p.origin, origin{int32(tree), int32(s)})
		}
	}
	return true
}

// loss returns the losses of the pass's trees as one.
func (p *pass) loss(trees []Tree) model.Loss {
	return func(scored []forest.ScoredToken, stats []model.Stat, dLogProb, dEntropy []float32) {
		for from := 0; from < len(scored); {
			tree := p.origin[scored[from].Segment].tree
			var own []forest.ScoredToken
			to := from
			for ; to < len(scored); to++ {
				o := p.origin[scored[to].Segment]
				if o.tree != tree {
					break
				}
				s := scored[to]
				s.Segment = o.segment
				own = append(own, s)
			}
			trees[tree].Loss(own, stats[from:to], dLogProb[from:to], dEntropy[from:to])
			from = to
		}
	}
}
