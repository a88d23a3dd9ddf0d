package spell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"spell/kernels"
	"spell/model/rollout"
	"spell/rl/eval"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/runner"
)

// The world that a run trains on has clusters of longDocs documents.
const (
	longDocs      = eval.LongDocs
	worldClusters = 600
)

// Prompts of tests over documents: questions over one, and tokens of a question, about.
const (
	testQuestions = 16
	testQuestion  = 64
)

// tests reports whether a run over documents, the user's own or the generated world, asks questions whose answers are
// known.
func (c *Config) tests(own bool) bool { return c.HeldOut > 0 && (c.ByRule || !own) }

// testing returns what the tests generate with, on a model of that context length, over documents of the user's own or
// over the generated world; nil if there are none. A model whose context is too short for those over the world is
// refused.
func (c *Config) testing(ctx context.Context, contextLen int, own bool) (*rollout.Options, error) {
	// A plan knows no tokenizer, but a token is at least a byte and at most a word. Every segment
	// has pages of its own.
	page := func(n int) int { return n + kernels.KeyBlock }
	if !c.tests(own) {
		return nil, nil
	}
	if own {
		documents := min(contextLen, eval.Lengths[len(eval.Lengths)-1]*c.TestTokens+c.questionRoom())
		slots := page(documents) + testQuestions*(page(c.questionRoom())+page(c.MaxAnswer))
		return &rollout.Options{Slots: max(1<<15, slots), Rows: 1024}, nil
	}
	prompts, err := role.Load(c.Prompts)
	if err != nil {
		return nil, err
	}
	items, err := eval.HeldOut(ctx, c.HeldOut, longDocs)
	if err != nil {
		return nil, err
	}
	o := &rollout.Options{Slots: 1 << 16, Rows: 1024}
	prompt := 0
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		docs := prompts.Documents(it.Cluster.Texts())
		slots := page(len(docs))
		for _, q := range it.Questions {
			_, ask := prompts.Responder(q.Task, nil, q.Question)
			slots += page(len(ask)) + page(c.MaxAnswer)
			prompt = max(prompt, wordCount(docs)+wordCount(ask))
		}
		o.Slots = max(o.Slots, slots)
	}
	if prompt+c.MaxAnswer > contextLen {
		return nil, fmt.Errorf("the held-out test asks over %d tokens and more, and the model's context of %d does "+
			"not hold them and an answer of max_answer %d; lower max_answer, or leave the test out with --eval 0",
			prompt, contextLen, c.MaxAnswer)
	}
	return o, nil
}

// wordCount returns how many words a text has, of which a token is at most one.
func wordCount(s string) int { return len(strings.Fields(s)) }

// An accuracy is the outcome of the tests after a number of steps, a line of metrics.jsonl.
type accuracy struct {
	Step  int    `json:"step" doc:"steps done before the questions were asked"`
	Tests []test `json:"held_out" doc:"outcomes of the held-out questions, over few documents and over more"`
	Gain  *gains `json:"gain,omitempty" doc:"mean over the tests with more documents than the first; none before the first step"`
}

// gains are by how much accuracy rose since the first test.
type gains struct {
	All      eval.Gain `json:"all" doc:"in the share of right answers"`
	Readable eval.Gain `json:"readable" doc:"in their share among answers that can be read, other ones before than after"`
}

// A test is the outcome of the questions over documents of a size.
type test struct {
	Docs int    `json:"docs,omitempty" doc:"documents that each question is asked over; none if tests differ in tokens"`
	Over string `json:"over,omitempty" doc:"what each question is asked over, in words"`
	eval.Result
	Gain *gains `json:"gain,omitempty" doc:"since before the first step"`
}

// String is a line per test.
func (a *accuracy) String() string {
	if len(a.Tests) == 0 {
		return fmt.Sprintf("after %s: nothing can be asked about the clusters that are kept out; their documents are "+
			"too short", plural.Of(a.Step, "step"))
	}
	var lines []string
	for _, t := range a.Tests {
		lines = append(lines, fmt.Sprintf("after %s: held-out accuracy over %s (%d tokens) %v",
			plural.Of(a.Step, "step"), t.over(), t.Tokens, t.Result))
	}
	return strings.Join(lines, "\n")
}

// over says what the questions are asked over, in the state of an earlier program, too.
func (t *test) over() string { return cmp.Or(t.Over, plural.Of(t.Docs, "document")) }

// tester returns the judge that has questions to measure with; nil if there is none, or nothing is kept out for them.
func (g *Game) tester() Tester {
	t, ok := g.Judge.(Tester)
	if !ok || g.Config.HeldOut == 0 || t.KeepsOut() && len(g.aside) == 0 {
		return nil
	}
	return t
}

// Due reports whether to ask the held-out questions: before the first step and after the last.
func (g *Game) Due(done, total int) bool {
	if g.tester() == nil || total == 0 {
		return false
	}
	n := len(g.total.Measured)
	return done == 0 && n == 0 || done == total && (n == 0 || g.total.Measured[n-1].Step < done)
}

// Measure asks the held-out questions.
func (g *Game) Measure(ctx context.Context, m runner.Model, done int, show runner.Show) (*runner.Report, error) {
	tester, c := g.tester(), &g.Config
	options, err := c.testing(ctx, m.Weights.Context, tester.KeepsOut())
	if err != nil {
		return nil, err
	}
	tests, err := tester.Tests(ctx, eval.TestOptions{Questions: c.HeldOut, Kept: g.aside, Tokens: c.TestTokens,
		Most: m.Weights.Context - c.MaxAnswer - c.questionRoom(),
		Size: func(text string) int { return len(g.Chat.Tok.Encode(text)) }})
	if err != nil {
		return nil, err
	}
	options.Stop = m.Weights.EOS
	e, err := rollout.New(m.Backend, m.Weights, *options)
	if err != nil {
		return nil, err
	}
	defer e.Free()
	a := &accuracy{Step: done}
	for i, t := range tests {
		e.OnProgress = func(done, total, read, sampled int) {
			share := (float64(i) + float64(done)/float64(max(total, 1))) / float64(len(tests))
			show("held-out questions over "+t.Name, share, read+sampled)
		}
		res, err := t.Ask(ctx, eval.Policy{Engine: e, Chat: g.Chat, Prompts: g.Prompts}, c.MaxAnswer)
		if err != nil {
			return nil, fmt.Errorf("held-out test over %s: %w; --eval 0 leaves it out", t.Name, err)
		}
		a.Tests = append(a.Tests, test{Docs: t.Docs, Over: t.Name, Result: res})
	}
	was := g.total.Measured
	if len(was) > 0 {
		a.compare(&was[0])
	}
	g.total.Measured = append(was[:min(1, len(was)):min(1, len(was))], *a)
	return &runner.Report{Metrics: a, Always: true}, nil
}

// intervals are how the intervals of a gain are found.
var intervals = eval.Bootstrap{Seed: 1, Samples: 2000}

// compare finds the gains since another measurement.
func (a *accuracy) compare(before *accuracy) {
	between := func(tests []eval.Paired) *gains {
		return &gains{intervals.Gain(tests, eval.Paired.All), intervals.Gain(tests, eval.Paired.Readable)}
	}
	var all []eval.Paired
	for i := range a.Tests {
		t := &a.Tests[i]
		all = append(all, eval.PairedOf(&before.Tests[i].Result, &t.Result))
		t.Gain = between(all[i:])
	}
	if len(all) > 1 {
		a.Gain = between(all[1:])
	}
}

// compare returns what training changed since the first test, a line per test, and the mean over those with
// more documents than the first. The intervals are paired: each question is compared with itself.
func (t *totals) compare() (lines []string) {
	if len(t.Measured) < 2 || len(t.Measured[0].Tests) == 0 {
		return nil
	}
	before, after := t.Measured[0], t.Measured[1]
	after.Tests = slices.Clone(after.Tests)
	after.compare(&before) // which the state of an earlier program lacks
	width := 0
	for _, b := range before.Tests {
		width = max(width, len(b.over()))
	}
	for i, b := range before.Tests {
		a := &after.Tests[i]
		lines = append(lines, fmt.Sprintf("%*s, before → after: %v → %v (%v); of readable answers %v → %v (%v)",
			width, b.over(), b.All, a.All, a.Gain.All, b.Valid, a.Valid, a.Gain.Readable))
	}
	if after.Gain != nil {
		lines = append(lines, fmt.Sprintf("with more than %s: %v; of readable answers %v", before.Tests[0].over(),
			after.Gain.All, after.Gain.Readable))
	}
	return lines
}

// worse says in what the model became worse, by more than chance; it is empty if nothing shows that.
func (t *totals) worse() string {
	var fell []string
	if len(t.Measured) == 2 {
		for i, test := range t.Measured[0].Tests {
			b, a := test.All, t.Measured[1].Tests[i].All
			if a.Below(b) {
				fell = append(fell, fmt.Sprintf("from %v to %v of %d questions over %s", b, a, a.N, test.over()))
			}
		}
	}
	switch {
	case len(fell) > 0:
		return "the model became worse: its held-out accuracy fell by more than chance, " + strings.Join(fell, " and ")
	case t.Last.N > 0 && t.Last.Right == 0 && t.Last.Below(t.First):
		return fmt.Sprintf("the model became worse: of %s in the last step none could be read, and in "+
			"the first step %d of %d could", plural.Of(t.Last.N, "question"), t.First.Right, t.First.N)
	}
	return ""
}
