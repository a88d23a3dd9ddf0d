// Package spell is self-play for long documents, SPELL (arXiv 2509.23863): one policy asks
// questions about documents, answers them and judges the answers, and learns from all three.
//
// Game, in this file, is the algorithm: what is drawn, how it is rewarded, what is remembered.
// item.go is the way of one question, choose.go what trains. The loop that plays it is package rl.
package spell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"spell/rl"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/curriculum"
	"spell/rl/eval"
	"spell/rl/play"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/task"
	"spell/tensor/rng"
	"spell/tokenizer/chat"
)

// A Judge knows the truth about questions over a corpus: about the generated world, or about documents whose questions
// are of the kinds of package reading.
type Judge interface {
	// Right reports whether a question's reference answer is true, and whether the question is
	// about facts of the cluster at all.
	Right(cluster string, t task.Task, q task.Question) (right, known bool)
	// Same reports whether two answers mean the same.
	Same(t task.Task, a, b string) bool
}

// A Divided judge is told the clusters that its corpus was divided into, so that it judges a question by the
// documents that its responder reads.
type Divided interface {
	Judge
	Divided(clusters []corpus.Cluster)
}

// An Asker is a judge that knows true questions, too.
type Asker interface {
	Judge
	// Ask returns a true question of a kind about a cluster; ok is false if there is none.
	Ask(cluster string, t task.Task, random *rng.Rand) (q task.Question, ok bool)
}

// A Tester is a judge with questions of its own, which a policy is measured on.
type Tester interface {
	Judge
	// Tests returns the tests, the easiest first: the same ones for the same options.
	Tests(ctx context.Context, o eval.TestOptions) ([]*eval.Test, error)
	// KeepsOut reports whether they are about documents of the corpus, which self-play then does not read.
	KeepsOut() bool
}

// A Game is self-play in progress.
type Game struct {
	Config  Config
	Chat    *chat.Dialog
	Prompts *role.Prompts
	Judge   Judge // nil if nobody knows the truth

	context  int // tokens that the model reads
	clusters []cluster
	memory   *curriculum.Memory
	sampler  *curriculum.Sampler
	unread   int // documents left out because they do not fit
	room     int // tokens that documents leave for a question
	docs     *corpus.Corpus
	data     string // fingerprint of documents and prompts

	static *static          // nil before the first step, and if questions are not fixed
	kept   *keptOut         // nil if nothing is kept out that the model itself asks about
	aside  []corpus.Cluster // kept out for the questions of a Tester
	older  bool             // the run is of a program that kept nothing out

	step  int             // at work, from 0
	items []*item         // of the step
	round []*item         // of the round
	seen  map[string]bool // questions of the step, before the round

	total   totals // of the whole run
	written bitset // clusters whose documents the transcript has
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
	g.docs = docs
	if err = g.prepare(ctx, c.questionRoom()); err != nil {
		return nil, err
	}
	if _, asks := judge.(Asker); c.Static == "truth" && !asks {
		return nil, errors.New("static is truth, and true questions are known of the generated world and by_rule " +
			"alone: set it to base, or leave --docs out")
	}
	// Rounds that draw fewer than draw, since there are no more clusters, are more, so that a step asks as much.
	if most := g.sampler.Most(c.Draw); most < c.Draw {
		g.Config.MaxRounds = min(maxRounds, (c.MaxRounds*c.Draw+most-1)/most)
	}
	return g, nil
}

// prepare fits the documents beside a question of so many tokens, and deals them out.
func (g *Game) prepare(ctx context.Context, room int) (err error) {
	g.room = room
	if g.clusters, err = g.fit(ctx, g.docs); err != nil {
		return err
	}
	if err = g.keepOut(); err != nil {
		return err
	}
	g.data = g.fingerprint()
	c := &g.Config
	if g.sampler, err = curriculum.NewSampler(c.Seed, c.domains(g.clusters), c.PerCluster); err != nil {
		return err
	}
	g.static = nil
	g.memory = curriculum.NewMemory(g.Config.memory())
	return nil
}

// domains deals the clusters out to the tasks that they suit; if there are too few to part, each task has all of
// those. A task that no cluster suits has all nevertheless whose sources ask it.
func (c *Config) domains(clusters []cluster) []curriculum.Domain {
	indices := make([]int, len(clusters))
	for i := range indices {
		indices[i] = i
	}
	some := map[task.Task]bool{}
	for _, t := range c.Tasks {
		some[t] = slices.ContainsFunc(clusters, func(k cluster) bool { return k.of.asks(t) && t.Suits(k.docs) })
	}
	suits := func(t task.Task, i int) bool {
		return clusters[i].of.asks(t) && (!some[t] || t.Suits(clusters[i].docs))
	}
	var domains []curriculum.Domain
	if len(indices) >= len(c.Tasks) {
		domains = curriculum.Split(indices, c.Tasks, c.Seed)
		curriculum.Suit(domains, suits)
	}
	for i, t := range c.Tasks {
		if len(indices) < len(c.Tasks) {
			domains = append(domains, curriculum.Domain{Task: t, Clusters: slices.Clone(indices), Weight: 1})
		}
		d := &domains[i]
		if len(d.Clusters) == 0 || len(indices) < len(c.Tasks) {
			d.Clusters = slices.DeleteFunc(slices.Clone(indices), func(k int) bool { return !suits(t, k) })
		}
		if len(c.TaskWeights) > 0 {
			d.Weight = c.TaskWeights[i]
		}
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
func (g *Game) Sampled() int {
	c := g.Config
	c.Draw = g.sampler.Most(c.Draw)
	return c.sampled()
}

// Begin starts a step.
func (g *Game) Begin(step int) { g.step, g.items, g.round, g.seen = step, nil, nil, map[string]bool{} }

// Draw picks clusters and tasks, and the documents and history that each questioner sees.
func (g *Game) Draw(round int) ([]play.Player, error) {
	g.round = g.drawn(round)
	for i, it := range g.round {
		it.round, it.place, it.index, it.keys = round, i, len(g.items)+i, keysOf(g.step, round, false)
	}
	return players(g.round), nil
}

// drawn returns the items of a round.
func (g *Game) drawn(round int) (items []*item) {
	if g.static != nil {
		return g.static.draw(g, g.wanted())
	}
	for i, drawn := range g.sampler.Draw(g.wanted()) {
		random := rng.At(g.Config.Seed, rng.Documents, uint64(g.step), uint64(round), uint64(i))
		letter := rng.At(g.Config.Seed, rng.Letter, uint64(g.step), uint64(round), uint64(i))
		items = append(items, g.asking(drawn, &g.clusters[drawn.Cluster], g.memory, random, letter))
	}
	return items
}

// asking returns an item that asks a question of a kind about a cluster, beyond those of a memory.
func (g *Game) asking(what curriculum.Item, c *cluster, m *curriculum.Memory, random, letter *rng.Rand) *item {
	want := g.Config.Docs
	if among := g.Config.DocsAmong; len(among) > 0 {
		want = among[random.Intn(len(among))]
	}
	if c.of != nil && c.of.Docs > 0 {
		want = c.of.Docs
	}
	var near func(a, b int) float64
	if c.near != nil {
		near = func(a, b int) float64 { return c.near[a*len(c.docs)+b] }
	}
	it := &item{Item: what, game: g, from: c}
	at := letter.Intn(len(task.Letters))
	it.drawn.Letter, it.next = task.Letters[at:at+1], it.write
	for _, t := range g.tasksFrom(what.Task, c) {
		it.Task = t
		for range mostViews {
			it.view = m.Draw(t, what.Cluster, len(c.docs), want, near, random)
			if !g.Prompts.Places() {
				return it
			}
			var found bool
			if it.drawn.Place, found = reading.Over(it.shownDocs()).Place(letter, t, it.drawn.Letter); found {
				return it
			}
		}
	}
	return it
}

// tasksFrom returns the tasks of the questions about a cluster, one of them first: the next ones do for a place to ask
// about where that has none.
func (g *Game) tasksFrom(first task.Task, c *cluster) []task.Task {
	tasks := []task.Task{first}
	for _, t := range g.Config.Tasks {
		if t != first && c.of.asks(t) {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// mostViews is how often documents are drawn at most for a questioner that is shown a place in them: until they have
// something to ask about in its task.
const mostViews = 8

// Reward judges the round that was played, and remembers its questions that are neither trivial nor
// hopeless (§3.2).
func (g *Game) Reward(errs []error) error {
	for i, it := range g.round {
		if it.failed = errs[i]; it.failed != nil {
			continue
		}
		g.reward(it)
		if it.verdict == task.OK {
			key := g.questionKey(it)
			it.repeated = it.repeated || g.seen[key]
			g.seen[key] = true
		}
		if it.alive() && !it.fixed && !it.dropped() {
			it.admitted = g.memory.Admit(it.Task, it.Cluster, it.view, g.Prompts.QuestionText(it.question),
				it.question.Answer, it.points, it.most())
		}
	}
	g.items = append(g.items, g.round...)
	return nil
}

// reward judges the samples of one question: answers by rule and vote, votes by their majority, the
// question by how many answers it let through (§3.3).
func (g *Game) reward(it *item) {
	c := &g.Config
	for _, a := range it.answers {
		votes := make([]role.Vote, len(a.votes))
		for i, v := range a.votes {
			votes[i] = v.vote
		}
		a.tally = reward.Count(votes)
		a.decision = c.Reward.Decide(a.tally)
		for _, v := range a.votes {
			v.Reward = c.Reward.Verifier(v.vote, a.decision)
		}
		judged := a.decision
		if c.Judgements > 0 {
			judged = c.Reward.Decide(reward.Count(votes[:min(len(votes), c.Judgements)]))
		}
		a.points, a.Reward = c.Reward.Responder(a.rule, judged)
		it.points += a.points
		if len(votes) > 0 {
			a.fate = c.filter().Votes(a.tally, a.decision, a.rule)
		}
	}
	alike := func(a *answer) bool { return a.points == it.answers[0].points }
	if it.points > 0 && !slices.ContainsFunc(it.answers, func(a *answer) bool { return !alike(a) }) {
		it.points = it.most() // answers that all earn the same tell as little as if all were right
	}
	it.asked.Reward = c.Reward.Questioner(it.outcome, it.points, it.most())
	if it.contradicted = it.outcome == reward.Answered && g.contradicted(it); it.contradicted {
		it.asked.Reward += c.Reward.Contradicted
	}
}

// contradicted reports whether a larger share of the answers to a question than is set, and at least as many as are
// right, agree with each other, by the rule, and are not its reference, by rule or vote.
func (g *Game) contradicted(it *item) bool {
	same := func(a, b *answer) bool {
		r := &g.Config.Reward
		return r.Rule(it.Task, a.prediction, b.prediction) && r.Rule(it.Task, b.prediction, a.prediction)
	}
	right := 0
	for _, a := range it.answers {
		if a.points > 0 {
			right++
		}
	}
	for _, a := range it.answers {
		n := 0
		for _, b := range it.answers {
			if a.extracted && b.extracted && a.points == 0 && b.points == 0 && same(a, b) {
				n++
			}
		}
		if n >= right && float64(n) > g.Config.Reward.ContradictedShare*float64(len(it.answers)) {
			return true
		}
	}
	return false
}

// questionKey tells the questions of a step apart.
func (g *Game) questionKey(it *item) string {
	text := strings.ToLower(strings.Join(strings.Fields(g.Prompts.QuestionText(it.question)), " "))
	return fmt.Sprintf("%d %d %s", it.Cluster, it.Task, text)
}

// askedBefore reports whether a question was asked in an earlier round of the step, or is one of those that its
// questioner was shown.
func (g *Game) askedBefore(it *item) bool {
	text := g.Prompts.QuestionText(it.question)
	shown := func(e role.Example) bool { return curriculum.Same(e.Question, text) }
	return g.seen[g.questionKey(it)] || slices.ContainsFunc(it.view.Examples, shown)
}

// wanted returns how many questions the next round draws.
func (g *Game) wanted() int {
	c := &g.Config
	if !c.DrawByRate || g.total.RecentGood == 0 {
		return c.Draw
	}
	missing := c.Questions - g.good()
	expected := (missing*g.total.Recent + g.total.RecentGood - 1) / g.total.RecentGood
	return min(c.Draw, max(len(c.Tasks), expected+expected/10))
}

// good counts the good questions of the step.
func (g *Game) good() (n int) {
	for _, it := range g.items {
		if it.good() {
			n++
		}
	}
	return n
}

// Enough reports whether as many questions as train have some answers right and some wrong.
func (g *Game) Enough() bool { return g.good() >= g.Config.Questions }

// End reports the step and adds it to the run.
func (g *Game) End(version int, u *rl.Update) *runner.Report {
	rep := g.report(u)
	g.total.add(g, rep)
	var lines []any
	lines, g.written = g.transcribe(g.items, Record{Step: g.step + 1, Version: version}, g.written)
	return &runner.Report{Metrics: rep, Always: true, Transcript: lines}
}

// A state is that of a game between steps.
type state struct {
	Data    string          `json:"data"`    // fingerprint of documents and prompts
	Prompts string          `json:"prompts"` // that of the prompts alone
	Memory  json.RawMessage `json:"memory"`
	Sampler json.RawMessage `json:"sampler"`
	Total   totals          `json:"total"`
	Room    int             `json:"question_tokens,omitempty"` // that documents leave for a question
	Written bitset          `json:"written,omitempty"`         // clusters whose documents the transcript has
	Static  *staticState    `json:"static,omitempty"`
	KeptOut *keptState      `json:"kept_out,omitempty"`
}

// State returns what Restore needs.
func (g *Game) State() (any, error) {
	m, err := json.Marshal(g.memory)
	if err != nil {
		return nil, err
	}
	s, err := json.Marshal(g.sampler)
	if err != nil {
		return nil, err
	}
	fixed, err := g.static.state()
	return state{g.data, g.Prompts.Hash(), m, s, g.total, g.room, g.written, fixed, g.kept.saved()}, err
}

// asBegun fits the documents as the program did that a state is of: earlier ones left room for the whole output of a
// questioner, showed marks in documents as they are, and put none between them.
func (g *Game) asBegun(s *state) {
	now, rooms := g.Prompts, []int{g.room}
	if s.Room == 0 && g.room != g.Config.MaxQuestion {
		rooms = append(rooms, g.Config.MaxQuestion)
	}
	for _, prompts := range []*role.Prompts{now, now.Unescaped(), now.Unmarked()} {
		for _, room := range rooms {
			if s.Prompts != "" && s.Prompts != prompts.Hash() {
				continue
			}
			g.Prompts = prompts
			if err := g.prepare(context.Background(), room); err == nil && g.data == s.Data {
				return
			}
		}
	}
	g.Prompts = now
}

// Restore goes back to a state over the same documents and prompts.
func (g *Game) Restore(raw json.RawMessage) error {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if s.Data != g.data && s.KeptOut == nil && g.kept != nil {
		g.older = true
		if err := g.prepare(context.Background(), g.room); err != nil {
			return err
		}
	}
	if s.Data != g.data {
		g.asBegun(&s)
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
	fixed, err := g.fixed(s.Static)
	if err != nil {
		return err
	}
	kept, err := g.kept.restored(s.KeptOut)
	if err != nil {
		return err
	}
	if err := g.memory.Restore(s.Memory, counts); err != nil {
		return err
	}
	if err := g.sampler.Restore(s.Sampler); err != nil {
		return err
	}
	g.total, g.written, g.static, g.kept = s.Total, s.Written, fixed, kept
	return nil
}
