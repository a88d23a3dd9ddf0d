package spell

import (
	"spell/model/forest"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/grpo"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// Choose decides which samples of the step train, role by role (§3.4, dynamic sampling): the
// answers to N informative questions, those questions and as many failed ones, and some groups of
// votes that are consistent with the rule and not unanimous. It sets the advantages.
func (g *Game) Choose() []rl.Group {
	c := &g.Config
	var groups []rl.Group
	good, bad := map[task.Task]int{}, map[task.Task][]int{}
	var questions []*item
	var ballots []*answer
	for _, it := range g.items {
		switch {
		case it.good() && (len(questions) < c.Questions || c.TrainSurplus):
			questions = append(questions, it)
			good[it.Task]++
		case it.outcome != reward.Answered, it.alive() && !it.good() && len(it.answers) > 0:
			bad[it.Task] = append(bad[it.Task], it.index)
		}
		for _, a := range it.answers {
			if !it.repeated && a.votedOn() && a.fate == curriculum.VoteKept {
				ballots = append(ballots, a)
			}
		}
	}
	verifiers := c.VerifierGroups
	if c.VerifierScaled {
		verifiers = curriculum.Scaled(verifiers, len(questions), c.Questions)
	}
	if c.trains(role.Responder) {
		for _, it := range questions {
			var samples []*rl.Sample
			for _, a := range it.answers {
				samples = append(samples, &a.Sample)
			}
			groups = append(groups, g.group(role.Responder, it.prompt, samples))
		}
	}
	if c.trains(role.Questioner) {
		for _, i := range curriculum.Negatives(good, bad, c.BadRatio, c.BadLeast,
			rng.At(c.Seed, rng.Negatives, uint64(g.step), 0, 0)) {
			questions = append(questions, g.items[i])
		}
		groups = append(groups, g.questioners(questions)...)
	}
	if c.trains(role.Verifier) {
		for _, i := range curriculum.VerifierGroups(len(ballots), verifiers, c.VerifierAny,
			rng.At(c.Seed, rng.Verifiers, uint64(g.step), 0, 0)) {
			var samples []*rl.Sample
			for _, v := range ballots[i].votes {
				samples = append(samples, &v.Sample)
			}
			groups = append(groups, g.group(role.Verifier, ballots[i].ballot, samples))
		}
	}
	return groups
}

// group makes a group of the outputs to one prompt, each with its advantage over the others.
func (g *Game) group(part role.Role, prompt forest.Forest, samples []*rl.Sample) rl.Group {
	rewards := make([]float64, len(samples))
	for i, s := range samples {
		rewards[i] = s.Reward
	}
	grpo.GroupAdvantages(rewards, rewards, g.Config.Centred)
	for i, s := range samples {
		s.Advantage = rewards[i]
	}
	return rl.Group{Part: int(part), Weight: g.Config.RoleWeights[part], Most: g.Config.most(part), Forest: prompt,
		Samples: samples}
}

// questioners makes a group of each question. Their advantages are relative to all of them, or to
// those of their task.
func (g *Game) questioners(items []*item) []rl.Group {
	rewards, labels := make([]float64, len(items)), make([]int, len(items))
	for i, it := range items {
		rewards[i], labels[i] = it.asked.Reward, int(it.Task)
	}
	if g.Config.QuestionerBaseline == "batch" {
		labels = nil
	}
	grpo.BatchAdvantages(rewards, rewards, labels, g.Config.Centred)
	groups := make([]rl.Group, len(items))
	for i, it := range items {
		groups[i] = g.group(role.Questioner, it.asked.Forest, []*rl.Sample{&it.asked})
		groups[i].Pooled = true
		it.asked.Advantage = rewards[i]
	}
	return groups
}
