package spell

import (
	"context"
	"errors"

	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/budget"
	"spell/rl/eval"
	"spell/rl/learn"
	"spell/rl/role"
)

// time returns what a usual step takes at a machine's rates, and the tests before and after: everything
// that is asked, answered and voted on, and what trains. Groups that go through the program together are
// run on a backend without memory; all such are alike.
func (p *Plan) time(r tally.Rates, test *rollout.Options, own bool) (*budget.Times, error) {
	d, err := newDryRun(r, p.Model, p.Precision, p.Config, test)
	if err != nil {
		return nil, err
	}
	c, s := &p.Config, &p.Usual
	t := &budget.Times{Steps: c.Steps}
	add := func(name string, tokens int, w tally.Work) {
		t.Phases = append(t.Phases, budget.Phase{Name: name, Tokens: tokens, Work: w})
	}
	sampled := func(g sampling) (w tally.Work, err error) {
		if g.n*g.outputs > 0 {
			w, err = d.sample(d.machine.Engine, g.n, g.prompt, g.outputs, g.length, g.mostLength)
		}
		return w, err
	}
	for _, g := range append(s.asking(c, s.Written, s.Asked),
		sampling{"vote", s.Asked * s.Answers, s.Verify, s.Votes, s.Vote, c.MaxVote}) {
		w, err := sampled(g)
		if err != nil {
			return nil, err
		}
		if g.n*g.outputs > 0 {
			add(g.name, g.n*(g.prompt+g.outputs*g.length), w)
		}
	}
	measured := sampling{"measure", s.Measured, s.Respond, c.keptOutAnswers(), s.Answer, c.MaxAnswer}
	for _, g := range append(s.asking(c, s.Ahead, s.Ahead), measured) {
		w, err := sampled(g)
		if err != nil {
			return nil, err
		}
		t.Tests += w.Seconds
	}
	var gradients tally.Work
	tokens := 0
	good, answers := c.beside(s.Good, (s.Asked+c.PerCluster-1)/c.PerCluster, s.Answers)
	for _, g := range []struct{ n, prompt, outputs, length int }{
		{good, s.Respond, answers, s.Answer}, {s.Questions, s.Ask, 1, s.Question},
		{s.VerifierGroup, s.Verify, s.Votes, s.Vote},
	} {
		w, err := d.learn(g.n, g.prompt, g.outputs, g.length)
		if err != nil {
			return nil, err
		}
		gradients, tokens = gradients.Add(w, 1), tokens+g.n*(g.prompt+g.outputs*g.length)
	}
	add("gradients", tokens, gradients)
	optimizer, err := d.used(func() error {
		_, err := d.machine.Trainer.Update(1)
		if d.machine.Copied != nil {
			d.machine.Copied.CopyFrom(d.b, d.w)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	add("optimizer", 0, optimizer)
	if d.testing != nil && c.Steps > 0 {
		before, err := d.test(own)
		if err != nil {
			return nil, err
		}
		t.Tests += 2 * before.Seconds // and after
	}
	return t, nil
}

// A sampling is outputs to n prompts, of usual and of greatest length.
type sampling struct {
	name                                   string
	n, prompt, outputs, length, mostLength int
}

// asking returns how so many questions are asked, and so many answered.
func (s *Step) asking(c *Config, asked, answered int) []sampling {
	prompts, answers := c.beside(answered, (answered+c.PerCluster-1)/c.PerCluster, s.Answers)
	return []sampling{
		{"ask", asked, s.Ask, 1, s.Question, c.MaxQuestion},
		{"try without documents", asked, s.Ground, 1, s.Answer, c.MaxAnswer},
		{"answer", prompts, s.Respond, answers, s.Answer, c.MaxAnswer},
	}
}

// beside returns how many prompts there are of n questions about so many clusters, if those about one share theirs, and
// the outputs to each, of which there are answers to a question.
func (c *Config) beside(n, clusters, answers int) (prompts, outputs int) {
	if c.PerCluster == 1 || n == 0 {
		return n, answers
	}
	prompts = max(1, min(n, clusters))
	return prompts, (n*answers + prompts - 1) / prompts
}

// Group returns what the answers to one question take at a machine's rates, prompt and answers as long as
// they may be: to read the prompt, to answer, to take the gradients and to update.
func (p *Plan) Group(r tally.Rates) ([]budget.Phase, error) {
	d, err := newDryRun(r, p.Model, p.Precision, p.Config, nil)
	if err != nil {
		return nil, err
	}
	c := &p.Config
	read, err1 := d.sample(d.machine.Engine, 1, p.Prompt, c.Answers, 1, c.MaxAnswer)
	all, err2 := d.sample(d.machine.Engine, 1, p.Prompt, c.Answers, c.MaxAnswer, c.MaxAnswer)
	gradients, err3 := d.learn(1, p.Prompt, c.Answers, c.MaxAnswer)
	optimizer, err4 := d.used(func() error {
		_, err := d.machine.Trainer.Update(1)
		return err
	})
	answers := c.Answers * c.MaxAnswer
	return []budget.Phase{
		{Name: "read", Tokens: p.Prompt, Work: read},
		{Name: "answer", Tokens: answers, Work: all.Add(read, -1)},
		{Name: "gradients", Tokens: p.Prompt + answers, Work: gradients},
		{Name: "optimizer", Work: optimizer},
	}, errors.Join(err1, err2, err3, err4)
}

// used returns the work that do asks of the backend.
func (d *dryRun) used(do func() error) (tally.Work, error) {
	before := d.b.Work
	err := do()
	return d.b.Work.Add(before, -1), err
}

// sample returns the work of so many outputs, of length tokens each and at most the most, to each of n
// prompts, as many at a time as the engine serves.
func (d *dryRun) sample(e *rollout.Engine, n, prompt, outputs, length, most int) (tally.Work, error) {
	together := max(1, min(n, e.Concurrency(&requests(1, prompt, outputs, most)[0])))
	work := func(length int) (tally.Work, error) {
		return d.used(func() error {
			_, err := e.Generate(context.Background(), requests(together, prompt, outputs, length))
			return err
		})
	}
	w, err := lengthen(length, work)
	return tally.Work{}.Add(w, float64(n)/float64(together)), err
}

// lengthen returns work(length). Every token of an output sees one more than the one before, so the work
// is a polynomial of the second degree in the length, and three short ones tell it.
func lengthen(length int, work func(int) (tally.Work, error)) (tally.Work, error) {
	const step = 32
	if length <= 2*step+1 {
		return work(length)
	}
	var w [3]tally.Work
	for i := range w {
		var err error
		if w[i], err = work(1 + i*step); err != nil {
			return w[i], err
		}
	}
	x := float64(length-1) / step
	first := w[1].Add(w[0], -1)
	second := w[2].Add(w[1], -2).Add(w[0], 1)
	return w[0].Add(first, x).Add(second, x*(x-1)/2), nil
}

// learn returns the work of the gradients of outputs to each of n prompts, as many as a pass holds at a
// time.
func (d *dryRun) learn(n, prompt, outputs, length int) (tally.Work, error) {
	if n == 0 {
		return tally.Work{}, nil
	}
	together := max(1, min(n, d.c.PassTokens/prompt))
	w, err := d.used(func() error { return d.update(together, prompt, outputs, length) })
	return tally.Work{}.Add(w, float64(n)/float64(together)), err
}

// test returns the work of asking the held-out questions once, over documents of the user's own or the generated world.
func (d *dryRun) test(own bool) (sum tally.Work, err error) {
	tests, err := d.c.testPrompts(own)
	if err != nil {
		return sum, err
	}
	for _, t := range tests {
		var reqs []rollout.Request
		for i, p := range t.prompts {
			var r rollout.Request
			ids := make([]int32, p.docs)
			ids[0] = int32(i) // clusters have nothing in common
			at := r.Prompt.Chain(-1, ids)
			for _, n := range p.asks {
				end := r.Prompt.Add(at, make([]int32, n), false)
				r.Branches = append(r.Branches, rollout.Branch{Segment: end, N: 1, MaxTokens: mean(d.c.MaxAnswer),
					Sampling: rollout.Sampling{TopP: 1}})
			}
			reqs = append(reqs, r)
		}
		w, err := d.used(func() error {
			_, err := d.testing.Generate(context.Background(), reqs)
			return err
		})
		if err != nil {
			return sum, err
		}
		sum = sum.Add(w, t.times)
	}
	return sum, nil
}

// testPrompts are prompts that stand for those of a test, each for so many.
type testPrompts struct {
	prompts []testPrompt
	times   float64
}

// A testPrompt is the tokens of documents and of each question behind them.
type testPrompt struct {
	docs int
	asks []int
}

// testPrompts returns the prompts of all tests, about: over documents of the user's own or the generated world.
func (c *Config) testPrompts(own bool) (tests []testPrompts, err error) {
	if own {
		for _, times := range eval.Lengths {
			p := testPrompt{docs: times * c.TestTokens}
			for range min(testQuestions, c.HeldOut) {
				p.asks = append(p.asks, testQuestion)
			}
			tests = append(tests, testPrompts{[]testPrompt{p}, float64(c.HeldOut) / float64(len(p.asks))})
		}
		return tests, nil
	}
	prompts, err := role.Load(c.Prompts)
	if err != nil {
		return nil, err
	}
	const sample = 16 // clusters that stand for all
	for _, docs := range eval.WorldDocs {
		items, err := eval.HeldOut(context.Background(), c.HeldOut, docs)
		if err != nil {
			return nil, err
		}
		t := testPrompts{times: float64(len(items)) / float64(min(sample, len(items)))}
		for _, it := range items[:min(sample, len(items))] {
			p := testPrompt{docs: wordCount(prompts.Documents(it.Cluster.Texts()))}
			for _, q := range it.Questions {
				_, ask := prompts.Responder(q.Task, nil, q.Question)
				p.asks = append(p.asks, wordCount(ask))
			}
			t.prompts = append(t.prompts, p)
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// short runs the least that shows which weights products read.
func (d *dryRun) short() error {
	engines := []*rollout.Engine{d.machine.Engine, d.testing}
	for _, e := range engines {
		if e == nil {
			continue
		}
		if _, err := e.Generate(context.Background(), requests(1, 2, 1, 1)); err != nil {
			return err
		}
	}
	return d.update(1, 2, 1, 1)
}

// requests are n prompts with answers.
func requests(n, prompt, answers, length int) []rollout.Request {
	reqs := make([]rollout.Request, n)
	for i := range reqs {
		at := reqs[i].Prompt.Chain(-1, make([]int32, prompt))
		reqs[i].Branches = []rollout.Branch{{Segment: at, N: answers, MaxTokens: length,
			Sampling: rollout.Sampling{Temperature: 1, TopP: 1}}}
	}
	return reqs
}

// update adds the gradients of the answers to n prompts, scored under the reference if there is one.
func (d *dryRun) update(n, prompt, answers, length int) error {
	trees := make([]learn.Tree, n)
	for i := range trees {
		f := &trees[i].Forest
		at := f.Chain(-1, make([]int32, prompt))
		for range answers {
			f.Add(at, make([]int32, length), true)
		}
		trees[i].Loss = func([]forest.ScoredToken, []model.Stat, []float32, []float32) {}
	}
	u := learn.Updater{Trainer: d.machine.Trainer, Limits: d.c.Limits()}
	if reference := d.machine.Reference; reference != nil {
		forests := make([]forest.Forest, n)
		for i := range trees {
			forests[i] = trees[i].Forest
		}
		err := u.ScoreWith(context.Background(), reference, forests, func(int, []forest.ScoredToken, []model.Stat) {})
		if err != nil {
			return err
		}
	}
	return u.Accumulate(context.Background(), trees)
}
