package rl

import (
	"context"
	"math"
	"slices"

	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/model/train"
	"spell/rl/grpo"
	"spell/rl/learn"
)

// An Update says what the policy learned from.
type Update struct {
	Parts    []Part  `json:"parts" doc:"by kind of samples: in self-play the roles"`
	GradNorm float64 `json:"grad_norm" doc:"of the gradient before clipping, the largest of several updates; 0: there was none"`
	Entropy  float64 `json:"entropy" doc:"of the policy, mean over trained tokens, nats"`

	MaxLogpDiff  float64 `json:"max_logp_diff" doc:"largest difference between the log-probability a token was sampled with and the one it is trained at: 0, since both are one computation, unless int8 weights sampled it"`
	MeanLogpDiff float64 `json:"mean_logp_diff,omitempty" doc:"the mean of that"`

	KL      float64 `json:"kl,omitempty" doc:"divergence from the reference, mean of the k3 estimate over trained tokens, nats; if the loss has the term"`
	Clipped float64 `json:"clipped,omitempty" doc:"share of trained tokens whose gradient the bounds of the ratio made zero"`
	Masked  float64 `json:"masked,omitempty" doc:"share of trained tokens that the correction of the sampler left out"`

	Experts *model.ExpertLoad `json:"experts,omitempty" doc:"of a mixture of experts"`
}

// A Part is what of one kind of samples was trained.
type Part struct {
	Name      string  `json:"name" doc:"of the kind"`
	Sequences int     `json:"sequences" doc:"samples that trained"`
	Tokens    int     `json:"tokens" doc:"their tokens"`
	Share     float64 `json:"share" doc:"of the tokens that trained"`
	Advantage float64 `json:"advantage" doc:"size of the advantages, mean over the samples"`
	Pull      float64 `json:"pull" doc:"sum over the tokens of the size of the derivative of the loss by their log-probabilities: how hard it pulls, before the network"`
	GradNorm  float64 `json:"grad_norm,omitempty" doc:"of the kind's gradient by itself, before clipping; only if part_norms asks for it, since it takes a backward pass of its own"`
}

// count counts a sample that trains.
func (p *Part) count(s *Sample) {
	p.Sequences++
	p.Tokens += len(s.LogProbs)
	p.Advantage += math.Abs(s.Advantage)
}

// Trained reports whether there was anything to learn from.
func (u *Update) Trained() bool {
	for _, p := range u.Parts {
		if p.Tokens > 0 {
			return true
		}
	}
	return false
}

// update learns from the groups (arXiv 2509.23863, §3.5): in one update or, of settings that ask for more, in
// several, of which only the first is on-policy. If no group has anything to tell, the weights stay. On error,
// cancellation included, they are as before unless the first of several updates has been made: from then on
// cancellation waits for the last.
func (l *Loop) update(ctx context.Context, groups []Group) (*Update, error) {
	u := &Update{}
	for _, name := range l.Game.Parts() {
		u.Parts = append(u.Parts, Part{Name: name})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !l.informative(groups) {
		return u, nil
	}
	for _, g := range groups {
		for _, s := range g.Samples {
			if s.Trained = l.trains(s); s.Trained {
				u.Parts[g.Part].count(s)
			}
		}
	}
	turns := l.turns(groups)
	p := &policyLoss{Policy: l.Config.policy(), update: u, first: true}
	scores, err := l.scores(ctx, groups, len(turns))
	if err != nil {
		return nil, err
	}
	updater := learn.Updater{Trainer: l.machine.Trainer, Limits: l.Config.Limits(), Share: true}
	schedule := train.Schedule{Steps: l.Config.Steps, Decay: train.Linear, Floor: l.Config.Floor}.Factor(l.step)
	for n, turn := range turns {
		through := 0
		updater.OnProgress = func(done, total int) {
			through = done
			if l.show != nil {
				part := (float64(n) + float64(done)/float64(total)) / float64(len(turns))
				l.show("updating", playing+(1-playing)*part, l.tokens+done)
			}
		}
		if err := l.partNorms(ctx, u, groups, turn, scores); err != nil {
			return nil, err
		}
		norm, err := updater.Update(ctx, p.trees(l.Config.norm(), groups, turn, scores), schedule)
		if err != nil {
			return nil, err
		}
		ctx = context.WithoutCancel(ctx)
		p.first = false
		l.tokens += through
		u.GradNorm = max(u.GradNorm, norm)
	}
	u.Experts = l.machine.Trainer.Experts
	p.end()
	if l.machine.Copied != nil {
		l.machine.Copied.CopyFrom(l.Model.Backend, l.Model.Weights)
	}
	return u, nil
}

// partNorms measures the gradient of each part of an update by itself, if the settings ask for it. The roles'
// gradients are sums of one accumulation, so that each takes a backward pass of its own.
func (l *Loop) partNorms(ctx context.Context, u *Update, groups []Group, turn []int, s scores) error {
	if !l.Config.PartNorms {
		return nil
	}
	t := l.machine.Trainer
	defer t.ZeroGrad()
	p := &policyLoss{Policy: l.Config.policy(), update: &Update{Parts: make([]Part, len(u.Parts))}}
	trees := p.trees(l.Config.norm(), groups, turn, s)
	for part := range u.Parts {
		var own []learn.Tree
		for k, i := range turn {
			if groups[i].Part == part {
				own = append(own, trees[k])
			}
		}
		through := 0
		updater := learn.Updater{Trainer: t, Limits: l.Config.Limits(), Share: true}
		updater.OnProgress = func(done, _ int) {
			through = done
			if l.show != nil {
				l.show("updating", playing, l.tokens+done)
			}
		}
		if err := updater.Accumulate(ctx, own); err != nil {
			return err
		}
		l.tokens += through
		u.Parts[part].GradNorm = max(u.Parts[part].GradNorm, t.GradNorm())
		t.ZeroGrad()
	}
	return nil
}

// turns deals the groups out to the updates of the step: those of each part in turn, so that every update
// has its share of all. Updates without anything to learn from are left out.
func (l *Loop) turns(groups []Group) (turns [][]int) {
	shares, next := make([][]int, l.Config.Updates), make([]int, len(l.Game.Parts()))
	for i, g := range groups {
		n := &next[g.Part]
		shares[*n%len(shares)] = append(shares[*n%len(shares)], i)
		*n++
	}
	for range l.Config.Epochs {
		for _, share := range shares {
			if slices.ContainsFunc(share, func(i int) bool { return l.informative(groups[i : i+1]) }) {
				turns = append(turns, share)
			}
		}
	}
	return turns
}

// scores are log-probabilities of the tokens of every sample of every group; nil where the loss needs none.
type scores struct {
	old       [][][]float32 // under the weights that the step began with
	reference [][][]float32
}

// scores returns what the loss of so many updates reads. What trained weights sampled were recorded with the
// bits that scoring gives them, so that int8 weights alone need a pass for it.
func (l *Loop) scores(ctx context.Context, groups []Group, updates int) (s scores, err error) {
	if l.Config.KL > 0 {
		if s.reference, err = l.scored(ctx, l.machine.Reference, groups); err != nil {
			return s, err
		}
	}
	switch {
	case updates == 1:
		return s, nil
	case l.machine.Copied != nil:
		s.old, err = l.scored(ctx, l.Model.Weights, groups)
		return s, err
	}
	for _, g := range groups {
		var all [][]float32
		for _, sample := range g.Samples {
			all = append(all, sample.LogProbs)
		}
		s.old = append(s.old, all)
	}
	return s, nil
}

// scored returns the log-probabilities under w of the tokens of every sample of every group.
func (l *Loop) scored(ctx context.Context, w *model.Weights, groups []Group) ([][][]float32, error) {
	all, forests := make([][][]float32, len(groups)), make([]forest.Forest, len(groups))
	for i, g := range groups {
		forests[i], all[i] = g.Forest, make([][]float32, len(g.Samples))
		for j, s := range g.Samples {
			all[i][j] = make([]float32, len(s.LogProbs))
		}
	}
	through := 0
	u := learn.Updater{Trainer: l.machine.Trainer, Limits: l.Config.Limits(), Share: true}
	u.OnProgress = func(done, _ int) {
		through = done
		if l.show != nil {
			l.show("comparing", playing, l.tokens+done)
		}
	}
	err := u.ScoreWith(ctx, w, forests, func(i int, scored []forest.ScoredToken, stats []model.Stat) {
		number := groups[i].numbers()
		for k, s := range scored {
			all[i][number[s.Segment]][s.Index] = stats[k].LogProb
		}
	})
	l.tokens += through
	return all, err
}

// numbers returns the number of each sample by its segment.
func (g *Group) numbers() map[int32]int {
	number := make(map[int32]int, len(g.Samples))
	for i, s := range g.Samples {
		number[int32(s.Segment)] = i
	}
	return number
}

// trains reports whether a sample that was chosen is part of the loss.
func (l *Loop) trains(s *Sample) bool { return !l.Config.SkipCut || s.Finish != rollout.Length }

// informative reports whether there is anything to learn from the groups: a sample that is better
// or worse than its baseline.
func (l *Loop) informative(groups []Group) bool {
	for _, g := range groups {
		for _, s := range g.Samples {
			if l.trains(s) && (s.Advantage != 0 || l.Config.Entropy != 0 || l.Config.KL != 0) {
				return true
			}
		}
	}
	return false
}

// A policyLoss is the policy-gradient loss of all groups of a step, which counts what it sees.
type policyLoss struct {
	grpo.Policy
	update          *Update
	first           bool // the weights are those that the step began with
	tokens          int
	clipped, masked int // of them
	apart           rollout.Mismatch
}

// trees returns the groups of an update, given by number.
func (p *policyLoss) trees(n grpo.Norm, groups []Group, turn []int, s scores) []learn.Tree {
	var all []grpo.Sequence
	for _, i := range turn {
		g := &groups[i]
		of := i
		if n == grpo.PartTokenMean && g.Pooled {
			of = -1 - g.Part
		}
		for _, sample := range g.Samples {
			q := grpo.Sequence{Group: of, Part: g.Part, Most: g.Most, Weight: g.Weight}
			if sample.Trained {
				q.Length = len(sample.LogProbs)
			}
			all = append(all, q)
		}
	}
	weights := n.Weights(all)
	trees := make([]learn.Tree, len(turn))
	for k, i := range turn {
		g := &groups[i]
		var old, reference [][]float32
		if s.old != nil {
			old = s.old[i]
		}
		if s.reference != nil {
			reference = s.reference[i]
		}
		trees[k] = learn.Tree{Forest: g.Forest, Loss: p.of(g, weights[:len(g.Samples)], old, reference)}
		weights = weights[len(g.Samples):]
	}
	return trees
}

// of returns the loss of one group, whose samples have these weights. old and reference hold the
// log-probabilities of their tokens, if the loss needs them.
func (p *policyLoss) of(g *Group, weights []float64, old, reference [][]float32) model.Loss {
	number := g.numbers()
	return func(scored []forest.ScoredToken, stats []model.Stat, dLogProb, dEntropy []float32) {
		rows := &grpo.Rows{}
		for i, s := range scored {
			m := number[s.Segment]
			rows.Logp, rows.Entropy = append(rows.Logp, stats[i].LogProb), append(rows.Entropy, stats[i].Entropy)
			if old != nil {
				rows.Old = append(rows.Old, old[m][s.Index])
			}
			if reference != nil {
				rows.Ref = append(rows.Ref, reference[m][s.Index])
			}
			if g.Samples[m].Trained {
				p.update.Entropy += float64(stats[i].Entropy)
				p.tokens++
				if reference != nil {
					p.update.KL += grpo.K3(float64(stats[i].LogProb), float64(reference[m][s.Index]))
				}
			}
			if i+1 < len(scored) && scored[i+1].Segment == s.Segment {
				continue
			}
			rows.Ends = append(rows.Ends, i+1)
			rows.Sampler = append(rows.Sampler, g.Samples[m].LogProbs...)
			advantage := 0.0 // of one that is not trained, and weighs nothing
			if g.Samples[m].Trained {
				advantage = g.Samples[m].Advantage
			}
			rows.Advantage, rows.Weight = append(rows.Advantage, advantage), append(rows.Weight, weights[m])
		}
		s := p.Coefficients(rows, dLogProb, dEntropy)
		p.clipped, p.masked = p.clipped+s.Clipped, p.masked+s.Masked
		for _, d := range dLogProb {
			p.update.Parts[g.Part].Pull += math.Abs(float64(d))
		}
		if !p.first {
			return
		}
		for i, lp := range rows.Sampler {
			p.apart.Add(lp, rows.Logp[i])
		}
	}
}

// end writes what was counted.
func (p *policyLoss) end() {
	u := p.update
	tokens := 0
	for _, part := range u.Parts {
		tokens += part.Tokens
	}
	for i := range u.Parts {
		if part := &u.Parts[i]; part.Sequences > 0 {
			part.Share = float64(part.Tokens) / float64(tokens)
			part.Advantage /= float64(part.Sequences)
		}
	}
	u.MaxLogpDiff, u.MeanLogpDiff = p.apart.Largest, p.apart.Mean()
	if n := float64(p.tokens); n > 0 {
		u.Entropy, u.KL = u.Entropy/n, u.KL/n
		u.Clipped, u.Masked = float64(p.clipped)/n, float64(p.masked)/n
	}
}
