// Package spell is self-play for long documents, SPELL (arXiv 2509.23863): one policy asks
// questions about documents, answers them and judges the answers, and learns from all three.
//
// Game, in this file, is the algorithm: what is drawn, how it is rewarded, what is remembered.
// item.go is the way of one question, choose.go what trains. The loop that plays it is package rl.
package spell

import (
	"context"
	"encoding/json"
	"fmt"

	"spell/rl"
	"spell/rl/corpus"
	"spell/rl/curriculum"
	"spell/rl/play"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/task"
	"spell/tensor/rng"
	"spell/tokenizer/chat"
)

// A Judge knows the truth about a corpus, if anyone does: the generated world.
type Judge interface {
	// Right reports whether a question's reference answer is true, and whether the question is
	// about facts of the cluster at all.
	Right(cluster string, t task.Task, q task.Question) (right, known bool)
	// Same reports whether two answers mean the same.
	Same(t task.Task, a, b string) bool
}

// A Game is self-play in progress.
type Game struct {
	Config  Config
	Chat    *chat.Dialog
	Prompts *role.Prompts
	Judge   Judge // nil on real documents

	context  int // tokens that the model reads
	clusters []cluster
	memory   *curriculum.Memory
	sampler  *curriculum.Sampler
	unread   int    // documents left out because they do not fit
	data     string // fingerprint of documents and prompts

	step  int     // at work, from 0
	items []*item // of the step
	round []*item // of the round

	total totals // of the whole run
}

// newGame prepares self-play over a corpus for a model that reads contextLen tokens.
func newGame(ctx context.Context, c Config, text *chat.Dialog, contextLen int, docs *corpus.Corpus, judge Judge) (
	*Game, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	g := &Game{Config: c, Judge: judge, context: contextLen}
	var err error
	if g.Chat, err = c.Dialog(text); err != nil {
		return nil, err
	}
	if g.Prompts, err = role.Load(c.Prompts); err != nil {
		return nil, err
	}
	if g.Prompts.Thinking, err = g.Chat.Thinks(); err != nil {
		return nil, err
	}
	if g.clusters, err = g.fit(ctx, docs); err != nil {
		return nil, err
	}
	g.data = g.fingerprint()
	if g.sampler, err = curriculum.NewSampler(c.Seed, g.domains()); err != nil {
		return nil, err
	}
	g.memory = curriculum.NewMemory(c.memory())
	return g, nil
}

// domains deals the clusters out to the tasks; if there are too few to part, each task has all.
func (g *Game) domains() []curriculum.Domain {
	c := &g.Config
	indices := make([]int, len(g.clusters))
	for i := range indices {
		indices[i] = i
	}
	if len(indices) >= len(c.Tasks) {
		return curriculum.Split(indices, c.Tasks, c.Seed)
	}
	domains := make([]curriculum.Domain, len(c.Tasks))
	for i, t := range c.Tasks {
		domains[i] = curriculum.Domain{Task: t, Clusters: indices, Weight: 1}
	}
	return domains
}

// Parts are the roles.
func (g *Game) Parts() []string {
	parts := make([]string, role.NumRoles)
	for r := range parts {
		parts[r] = role.Role(r).String()
	}
	return parts
}

// Sampled returns how many tokens a step samples at most.
func (g *Game) Sampled() int { return g.Config.sampled() }

// Begin starts a step.
func (g *Game) Begin(step int) { g.step, g.items, g.round = step, nil, nil }

// Draw picks clusters and tasks, and the documents and history that each questioner sees.
func (g *Game) Draw(round int) ([]play.Player, error) {
	g.round = nil
	var players []play.Player
	for i, drawn := range g.sampler.Draw(g.Config.Draw) {
		random := rng.At(g.Config.Seed, rng.Documents, uint64(g.step), uint64(round), uint64(i))
		c := &g.clusters[drawn.Cluster]
		var near func(a, b int) float64
		if c.near != nil {
			near = func(a, b int) float64 { return c.near[a*len(c.docs)+b] }
		}
		it := &item{Item: drawn, game: g, round: round, place: i, index: len(g.items) + i,
			view: g.memory.Draw(drawn.Task, drawn.Cluster, len(c.docs), g.Config.Docs, near, random)}
		letter := rng.At(g.Config.Seed, rng.Letter, uint64(g.step), uint64(round), uint64(i)).Intn(len(task.Letters))
		it.letter, it.next = task.Letters[letter:letter+1], it.write
		g.round, players = append(g.round, it), append(players, it)
	}
	return players, nil
}

// Reward judges the round that was played, and remembers its questions that are neither trivial nor
// hopeless (§3.2).
func (g *Game) Reward(errs []error) error {
	for i, it := range g.round {
		if it.failed = errs[i]; it.failed != nil {
			continue
		}
		g.reward(it)
		if it.alive() {
			g.memory.Admit(it.Task, it.Cluster, it.view, g.Prompts.QuestionText(it.question), it.question.Answer,
				it.passes, len(it.answers))
		}
	}
	g.items = append(g.items, g.round...)
	return nil
}

// reward judges the samples of one question: answers by rule and vote, votes by their majority, the
// question by how many answers it let through (§3.3).
func (g *Game) reward(it *item) {
	for _, a := range it.answers {
		votes := make([]role.Vote, len(a.votes))
		for i, v := range a.votes {
			votes[i] = v.vote
		}
		a.tally = reward.Count(votes)
		majority := len(votes) > 0 && a.tally.Majority()
		for _, v := range a.votes {
			v.Reward = g.Config.Reward.Verifier(v.vote, majority)
		}
		if reward.Responder(a.rule, majority) {
			a.Reward = 1
			it.passes++
		}
		if len(votes) > 0 {
			a.fate = curriculum.Votes(a.tally, a.rule)
		}
	}
	it.asked.Reward = g.Config.Reward.Questioner(it.outcome, it.passes, len(it.answers))
}

// Enough reports whether as many questions as train have some answers right and some wrong.
func (g *Game) Enough() bool {
	good := 0
	for _, it := range g.items {
		if it.good() {
			good++
		}
	}
	return good >= g.Config.Questions
}

// End reports the step and adds it to the run.
func (g *Game) End(version int, u *rl.Update) *runner.Report {
	rep := g.report(u)
	g.total.add(g, rep)
	out := &runner.Report{Metrics: rep, Always: true}
	for _, r := range g.transcribe(version) {
		out.Transcript = append(out.Transcript, r)
	}
	return out
}

// A state is that of a game between steps.
type state struct {
	Data    string          `json:"data"`    // fingerprint of documents and prompts
	Prompts string          `json:"prompts"` // that of the prompts alone
	Memory  json.RawMessage `json:"memory"`
	Sampler json.RawMessage `json:"sampler"`
	Total   totals          `json:"total"`
}

// State returns what Restore needs.
func (g *Game) State() (any, error) {
	m, err := json.Marshal(g.memory)
	if err != nil {
		return nil, err
	}
	s, err := json.Marshal(g.sampler)
	return state{g.data, g.Prompts.Hash(), m, s, g.total}, err
}

// Restore goes back to a state over the same documents and prompts.
func (g *Game) Restore(raw json.RawMessage) error {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if s.Data != g.data {
		what := "documents"
		switch s.Prompts {
		case "": // of a checkpoint that does not tell them apart
			what = "documents or prompts"
		case g.Prompts.Hash():
		default:
			what = "prompts"
		}
		return fmt.Errorf("the %s are not those the run began with; resume with the same folders, unchanged", what)
	}
	if err := s.Total.check(); err != nil {
		return err
	}
	counts := make([]int, len(g.clusters))
	for i, c := range g.clusters {
		counts[i] = len(c.docs)
	}
	if err := g.memory.Restore(s.Memory, counts); err != nil {
		return err
	}
	if err := g.sampler.Restore(s.Sampler); err != nil {
		return err
	}
	g.total = s.Total
	return nil
}
