package spell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"spell/kernels"
	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/runner"
)

// testDocs are the documents of the clusters that held-out questions are asked over: as many as the
// embedded base was trained with at most, and two, four and eight times as many.
var testDocs = [...]int{5, 10, 20, longDocs}

// The world that a run trains on has clusters of longDocs documents.
const (
	longDocs      = 40
	worldClusters = 600
)

// HeldOut returns the test over so many documents, whose questions a run is asked in this order. Entities and phrasing
// are none that self-play uses. Plans ask for the same test again and again, so it is kept.
func HeldOut(ctx context.Context, questions, docs int) ([]world.Item, error) {
	key := [2]int{questions, docs}
	if items, ok := heldOutTests.Load(key); ok {
		return items.([]world.Item), nil
	}
	items, err := newHeldOut(ctx, questions, docs)
	if err == nil {
		heldOutTests.Store(key, items)
	}
	return items, err
}

var heldOutTests sync.Map // of items that nobody changes, by the arguments of HeldOut

// wordCount returns how many words a text has, of which a token is at most one.
func wordCount(s string) int { return len(strings.Fields(s)) }

func newHeldOut(ctx context.Context, questions, docs int) ([]world.Item, error) {
	return world.Evaluation(ctx, 1, world.EvaluationOptions{
		Questions: questions, Asking: world.Asking{HeldOutPhrasing: true},
		Cluster: world.Options{Docs: docs, Pool: world.HeldOut, Chains: true}})
}

// testing returns what the tests generate with, on a model of that context length; nil if there are
// none. A model whose context is too short for them is refused.
func (c *Config) testing(ctx context.Context, contextLen int) (*rollout.Options, error) {
	if c.HeldOut == 0 {
		return nil, nil
	}
	prompts, err := role.Load(c.Prompts)
	if err != nil {
		return nil, err
	}
	items, err := HeldOut(ctx, c.HeldOut, longDocs)
	if err != nil {
		return nil, err
	}
	// A plan knows no tokenizer, but a token is at least a byte and at most a word. Every segment
	// has pages of its own.
	o := &rollout.Options{Slots: 1 << 16, Rows: 1024}
	page := func(n int) int { return n + kernels.KeyBlock }
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

// A test is the outcome of the questions over so many documents.
type test struct {
	Docs int `json:"docs" doc:"documents that each question is asked over"`
	eval.Result
	Gain *gains `json:"gain,omitempty" doc:"since before the first step"`
}

// String is a line per test.
func (a *accuracy) String() string {
	var lines []string
	for _, t := range a.Tests {
		lines = append(lines, fmt.Sprintf("after %s: held-out accuracy over %d documents (%d tokens) %v",
			plural.Of(a.Step, "step"), t.Docs, t.Tokens, t.Result))
	}
	return strings.Join(lines, "\n")
}

// Due reports whether to ask the held-out questions: before the first step and after the last.
func (g *Game) Due(done, total int) bool {
	if g.Config.HeldOut == 0 || g.Judge == nil || total == 0 {
		return false
	}
	n := len(g.total.Measured)
	return done == 0 && n == 0 || done == total && (n == 0 || g.total.Measured[n-1].Step < done)
}

// Measure asks the held-out questions.
func (g *Game) Measure(ctx context.Context, m runner.Model, done int, show runner.Show) (*runner.Report, error) {
	options, err := g.Config.testing(ctx, m.Weights.Context)
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
	for i, docs := range testDocs {
		items, err := HeldOut(ctx, g.Config.HeldOut, docs)
		if err != nil {
			return nil, err
		}
		e.OnProgress = func(done, total, read, sampled int) {
			share := (float64(i) + float64(done)/float64(max(total, 1))) / float64(len(testDocs))
			show(fmt.Sprintf("held-out questions over %d documents", docs), share, read+sampled)
		}
		res, err := eval.Questions(ctx, eval.Policy{Engine: e, Chat: g.Chat, Prompts: g.Prompts}, items,
			g.Config.MaxAnswer)
		if err != nil {
			return nil, fmt.Errorf("held-out test over %d documents: %w; --eval 0 leaves it out", docs, err)
		}
		a.Tests = append(a.Tests, test{Docs: docs, Result: res})
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
		all = append(all, eval.Paired{Before: before.Tests[i].Outcomes, After: t.Outcomes})
		t.Gain = between(all[i:])
	}
	a.Gain = between(all[1:])
}

// compare returns what training changed since the first test, a line per test, and the mean over those with
// more documents than the first. The intervals are paired: each question is compared with itself.
func (t *totals) compare() (lines []string) {
	if len(t.Measured) < 2 {
		return nil
	}
	before, after := t.Measured[0], t.Measured[1]
	after.Tests = slices.Clone(after.Tests)
	after.compare(&before) // which the state of an earlier program lacks
	for i, b := range before.Tests {
		a := &after.Tests[i]
		lines = append(lines, fmt.Sprintf("%2d documents, before → after: %v → %v (%v); of readable answers %v → %v "+
			"(%v)", b.Docs, b.All, a.All, a.Gain.All, b.Valid, a.Valid, a.Gain.Readable))
	}
	return append(lines, fmt.Sprintf("with more than %d documents: %v; of readable answers %v", testDocs[0],
		after.Gain.All, after.Gain.Readable))
}

// worse says in what the model became worse, by more than chance; it is empty if nothing shows that.
func (t *totals) worse() string {
	var fell []string
	if len(t.Measured) == 2 {
		for i, b := range t.Measured[0].Tests {
			b, a := b.All, t.Measured[1].Tests[i].All
			if a.Below(b) {
				fell = append(fell, fmt.Sprintf("from %v to %v of %d questions over %d documents", b, a, a.N,
					testDocs[i]))
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
