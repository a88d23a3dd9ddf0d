package rl

import (
	"context"
	"fmt"
	"slices"

	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/curriculum"
	"spell/rl/grpo"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// reward judges the samples of one question: answers by rule and vote, votes by their majority,
// the question by how many answers it let through (§3.3).
func (r *Run) reward(it *item) {
	for _, a := range it.answers {
		votes := make([]role.Vote, len(a.votes))
		for i, v := range a.votes {
			votes[i] = v.vote
		}
		a.tally = reward.Count(votes)
		majority := len(votes) > 0 && a.tally.Majority()
		for _, v := range a.votes {
			v.reward = r.Config.Reward.Verifier(v.vote, majority)
		}
		if reward.Responder(a.rule, majority) {
			a.reward = 1
			it.passes++
		}
		if len(votes) > 0 {
			a.fate = curriculum.Votes(a.tally, a.rule)
		}
	}
	it.asked.reward = r.Config.Reward.Questioner(it.outcome, it.passes, len(it.answers))
}

// admit remembers a question that is neither trivial nor hopeless (§3.2).
func (r *Run) admit(it *item) {
	if it.alive() {
		r.memory.Admit(it.Task, it.Cluster, it.view, r.Prompts.QuestionText(it.question), it.question.Answer, it.passes, len(it.answers))
	}
}

// A group is samples that share a prompt and train together.
type group struct {
	role    role.Role
	forest  forest.Forest
	samples []*sample
}

// choose decides which samples of a batch train, role by role (§3.4, dynamic sampling): the
// answers to N informative questions, those questions and as many failed ones, and some groups
// of votes that are consistent with the rule and not unanimous. It sets the advantages.
func (r *Run) choose(b *batch) []group {
	c := &r.Config
	var groups []group
	good, bad := map[task.Task]int{}, map[task.Task][]int{}
	var questions []*item
	var ballots []*answer
	for _, it := range b.items {
		informative := it.alive() && curriculum.Informative(it.passes, len(it.answers))
		switch {
		case informative && len(questions) < c.Questions:
			questions = append(questions, it)
			good[it.Task]++
		case it.outcome != reward.Answered, it.alive() && !informative && len(it.answers) > 0:
			bad[it.Task] = append(bad[it.Task], it.index)
		}
		for _, a := range it.answers {
			if len(a.votes) > 0 && a.fate == curriculum.VoteKept {
				ballots = append(ballots, a)
			}
		}
	}
	if c.RoleWeights[role.Responder] > 0 {
		for _, it := range questions {
			g := group{role: role.Responder, forest: it.prompt}
			for _, a := range it.answers {
				g.samples = append(g.samples, &a.sample)
			}
			groups = append(groups, g.advantages())
		}
	}
	if c.RoleWeights[role.Questioner] > 0 {
		for _, i := range curriculum.Negatives(good, bad, c.BadRatio, rng.At(c.Seed, rng.Negatives, uint64(r.step), 0, 0)) {
			questions = append(questions, b.items[i])
		}
		groups = append(groups, r.questioners(questions)...)
	}
	if c.RoleWeights[role.Verifier] > 0 {
		for _, i := range curriculum.VerifierGroups(len(ballots), c.VerifierGroups, c.VerifierAny, rng.At(c.Seed, rng.Verifiers, uint64(r.step), 0, 0)) {
			g := group{role: role.Verifier, forest: ballots[i].ballot}
			for _, v := range ballots[i].votes {
				g.samples = append(g.samples, &v.sample)
			}
			groups = append(groups, g.advantages())
		}
	}
	if c.Entropy == 0 && !slices.ContainsFunc(groups, group.informs) {
		return nil
	}
	for _, g := range groups {
		for _, s := range g.samples {
			s.trained = true
		}
	}
	return groups
}

// informs says whether any sample of a group is better or worse than its baseline.
func (g group) informs() bool {
	return slices.ContainsFunc(g.samples, func(s *sample) bool { return s.advantage != 0 })
}

// A pass is groups that train together; prompts that begin with the same documents share them.
type pass struct {
	forest forest.Forest
	number map[int32]int // of the sample that a segment is, among all
}

// pack joins groups, in order, into passes whose prompts have at most that many tokens.
func pack(groups []group, tokens int) (packs []*pass) {
	sample := 0
	var p *pass
	for _, g := range groups {
		var at []int32
		if p != nil {
			was := len(p.forest)
			if at = p.forest.Graft(g.forest); p.forest.SharedTokens() > tokens {
				p.forest, p = p.forest[:was], nil
			}
		}
		if p == nil {
			p = &pass{number: map[int32]int{}}
			packs = append(packs, p)
			at = p.forest.Graft(g.forest)
		}
		for _, s := range g.samples {
			p.number[at[s.segment]] = sample
			sample++
		}
	}
	return packs
}

// advantages sets those of a group relative to itself.
func (g group) advantages() group {
	rewards := make([]float64, len(g.samples))
	for i, s := range g.samples {
		rewards[i] = s.reward
	}
	grpo.GroupAdvantages(rewards, rewards)
	for i, s := range g.samples {
		s.advantage = rewards[i]
	}
	return g
}

// questioners makes a group of each question; their advantages are relative to all of them,
// or to those of their task.
func (r *Run) questioners(items []*item) []group {
	rewards, labels := make([]float64, len(items)), make([]int, len(items))
	for i, it := range items {
		rewards[i], labels[i] = it.asked.reward, int(it.Task)
	}
	if r.Config.QuestionerBaseline == "batch" {
		labels = nil
	}
	grpo.BatchAdvantages(rewards, rewards, labels)
	groups := make([]group, len(items))
	for i, it := range items {
		it.asked.advantage = rewards[i]
		groups[i] = group{role: role.Questioner, forest: it.asked.forest, samples: []*sample{&it.asked}}
	}
	return groups
}

// An Update says what the policy learned from.
type Update struct {
	Sequences [role.NumRoles]int `json:"sequences"` // samples trained, by role
	Tokens    [role.NumRoles]int `json:"tokens"`    // of them
	GradNorm  float64            `json:"grad_norm"` // before clipping; 0 where there was no update
	Entropy   float64            `json:"entropy"`   // mean over trained tokens, nats
	// MaxLogpDiff is the largest difference between the log-probability a token was sampled
	// with and the one it is trained at: 0, since both are one computation, unless int8 weights
	// sampled it. MeanLogpDiff is the mean.
	MaxLogpDiff  float64 `json:"max_logp_diff"`
	MeanLogpDiff float64 `json:"mean_logp_diff,omitempty"`
}

// update is one policy-gradient step on the groups (§3.5). Without groups the weights stay. A token that
// int8 weights sampled counts times the ratio of its probabilities, cut at grpo.Policy.MaxSamplerRatio.
func (r *Run) update(groups []group) (Update, error) {
	var u Update
	if len(groups) == 0 {
		return u, nil
	}
	var all []*sample
	var lengths, of []int
	var weight []float64
	for i, g := range groups {
		for _, s := range g.samples {
			n := len(s.logp)
			all, lengths, of, weight = append(all, s), append(lengths, n), append(of, i), append(weight, r.Config.RoleWeights[g.role])
			u.Sequences[g.role]++
			u.Tokens[g.role] += n
		}
	}
	weights := r.Config.norm().Weights(lengths, of, weight)
	policy := grpo.DefaultPolicy()
	policy.Entropy = r.Config.Entropy

	total, done := 0, 0
	packs := pack(groups, r.Config.PassTokens)
	for _, p := range packs {
		total += p.forest.Tokens()
	}
	var apart rollout.Mismatch
	tokens := 0
	for _, p := range packs {
		// An update that has begun is finished.
		_, err := r.trainer.Accumulate(context.Background(), p.forest, func(scored []forest.ScoredToken, stats []model.Stat, dl, de []float32) {
			rows := &grpo.Rows{}
			for i, s := range scored {
				rows.Logp, rows.Entropy = append(rows.Logp, stats[i].LogProb), append(rows.Entropy, stats[i].Entropy)
				u.Entropy += float64(stats[i].Entropy)
				if i+1 == len(scored) || scored[i+1].Segment != s.Segment {
					m := p.number[s.Segment]
					rows.Ends = append(rows.Ends, i+1)
					rows.Sampler = append(rows.Sampler, all[m].logp...)
					rows.Advantage, rows.Weight = append(rows.Advantage, all[m].advantage), append(rows.Weight, weights[m])
				}
			}
			s := policy.Coefficients(rows, dl, de)
			u.MaxLogpDiff = max(u.MaxLogpDiff, s.MaxLogRatio)
			for i, lp := range rows.Sampler {
				apart.Add(lp, rows.Logp[i])
			}
			tokens += s.Tokens
		})
		if err != nil {
			r.trainer.ZeroGrad()
			return u, fmt.Errorf("updating: %w", err)
		}
		done += p.forest.Tokens()
		if r.OnPhase != nil {
			r.OnPhase("updating", done, total, done)
		}
	}
	if tokens > 0 {
		u.Entropy /= float64(tokens)
	}
	u.MeanLogpDiff = apart.Mean()
	var err error
	if u.GradNorm, err = r.trainer.Update(1); err != nil {
		return u, fmt.Errorf("%w; a resumed run keeps its rate, so begin another at a checkpoint: --model OUT/step-N, a lower optim.lr and another --out", err)
	}
	if r.copied != nil {
		r.copied.CopyFrom(r.Backend, r.Weights)
	}
	return u, nil
}
