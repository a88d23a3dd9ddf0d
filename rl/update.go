package rl

import (
	"context"

	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/grpo"
	"spell/rl/learn"
)

// An Update says what the policy learned from.
type Update struct {
	Parts    []Part  `json:"parts"`
	GradNorm float64 `json:"grad_norm"` // before clipping; 0 if there was no update
	Entropy  float64 `json:"entropy"`   // mean over trained tokens, nats
	// MaxLogpDiff is the largest difference between the log-probability a token was sampled with
	// and the one it is trained at: 0, since both are one computation, unless int8 weights sampled
	// it. MeanLogpDiff is the mean.
	MaxLogpDiff  float64 `json:"max_logp_diff"`
	MeanLogpDiff float64 `json:"mean_logp_diff,omitempty"`
	// KL is the mean over trained tokens of the k3 estimate of the divergence from the reference, nats; 0 if
	// the loss has no such term.
	KL float64 `json:"kl,omitempty"`

	Experts *model.ExpertLoad `json:"experts,omitempty"` // of a mixture of experts
}

// A Part is what of one kind of samples was trained.
type Part struct {
	Name      string `json:"name"`
	Sequences int    `json:"sequences"`
	Tokens    int    `json:"tokens"`
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

// update is one policy-gradient step on the groups (arXiv 2509.23863, §3.5). If no group has
// anything to tell, the weights stay. A token that int8 weights sampled counts times the ratio of
// its probabilities, cut at grpo.Policy.MaxSamplerRatio.
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
	var lengths, of []int
	var weight []float64
	for i, g := range groups {
		for _, s := range g.Samples {
			n := 0 // and the sample weighs nothing
			if s.Trained = l.trains(s); s.Trained {
				n = len(s.LogProbs)
				u.Parts[g.Part].Sequences++
			}
			lengths, of, weight = append(lengths, n), append(of, i), append(weight, g.Weight)
			u.Parts[g.Part].Tokens += n
		}
	}
	weights := l.Config.norm().Weights(lengths, of, weight)
	loss := &policyLoss{Policy: grpo.DefaultPolicy(), update: u}
	loss.Policy.Entropy, loss.Policy.KL = l.Config.Entropy, l.Config.KL
	updater := learn.Updater{Trainer: l.machine.Trainer, Limits: l.Config.Limits(), Share: true}
	reference, err := l.reference(ctx, &updater, groups)
	if err != nil {
		return nil, err
	}
	trees := make([]learn.Tree, len(groups))
	for i, g := range groups {
		trees[i] = learn.Tree{Forest: g.Forest, Loss: loss.of(g, weights[:len(g.Samples)], reference[i])}
		weights = weights[len(g.Samples):]
	}
	through := 0
	updater.OnProgress = func(done, total int) {
		through = done
		if l.show != nil {
			l.show("updating", playing+(1-playing)*float64(done)/float64(total), l.tokens+done)
		}
	}
	if u.GradNorm, err = updater.Update(ctx, trees, 1); err != nil {
		return nil, err
	}
	l.tokens += through
	u.Experts = l.machine.Trainer.Experts
	if loss.tokens > 0 {
		u.Entropy /= float64(loss.tokens)
		u.KL /= float64(loss.tokens)
	}
	u.MeanLogpDiff = loss.apart.Mean()
	if l.machine.Copied != nil {
		l.machine.Copied.CopyFrom(l.Model.Backend, l.Model.Weights)
	}
	return u, nil
}

// reference returns the log-probabilities under the reference of the tokens of every sample of every
// group; of none if the loss has no KL term.
func (l *Loop) reference(ctx context.Context, u *learn.Updater, groups []Group) ([][][]float32, error) {
	all := make([][][]float32, len(groups))
	if l.Config.KL == 0 {
		return all, nil
	}
	forests := make([]forest.Forest, len(groups))
	for i, g := range groups {
		forests[i], all[i] = g.Forest, make([][]float32, len(g.Samples))
		for j, s := range g.Samples {
			all[i][j] = make([]float32, len(s.LogProbs))
		}
	}
	through := 0
	u.OnProgress = func(done, _ int) {
		through = done
		if l.show != nil {
			l.show("comparing", playing, l.tokens+done)
		}
	}
	err := u.ScoreWith(ctx, l.machine.Reference, forests,
		func(i int, scored []forest.ScoredToken, stats []model.Stat) {
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

// A policyLoss is the policy-gradient loss of all groups of an update, which counts what it sees.
type policyLoss struct {
	grpo.Policy
	update *Update
	tokens int
	apart  rollout.Mismatch
}

// of returns the loss of one group, whose samples have these weights. reference holds the
// log-probabilities of their tokens under the reference, if the loss has a KL term.
func (p *policyLoss) of(g Group, weights []float64, reference [][]float32) model.Loss {
	number := g.numbers()
	return func(scored []forest.ScoredToken, stats []model.Stat, dLogProb, dEntropy []float32) {
		rows := &grpo.Rows{}
		for i, s := range scored {
			m := number[s.Segment]
			rows.Logp, rows.Entropy = append(rows.Logp, stats[i].LogProb), append(rows.Entropy, stats[i].Entropy)
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
			rows.Advantage, rows.Weight = append(rows.Advantage, g.Samples[m].Advantage),
				append(rows.Weight, weights[m])
		}
		s := p.Coefficients(rows, dLogProb, dEntropy)
		p.update.MaxLogpDiff = max(p.update.MaxLogpDiff, s.MaxLogRatio)
		for i, lp := range rows.Sampler {
			p.apart.Add(lp, rows.Logp[i])
		}
	}
}
