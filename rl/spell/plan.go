package spell

import (
	"context"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/fit"
	"spell/rl/learn"
)

// A Plan is what a run of self-play will take: its memory, part by part, and the work of a step.
// Everything is what the program itself asks of a backend without memory.
type Plan struct {
	Config    Config
	Model     model.Config
	Precision model.Precision
	Groups    int // of a step: prompts with their answers
	Prompt    int // tokens of each, the longest that configuration and model allow
	Items     []Item
	Total     int     // bytes of all items, which are held together from the second step on
	Steps     []Phase // after Time: of a step
}

// An Item is memory that a run takes.
type Item struct {
	model.MemoryItem
	Owner  string // what it is for
	Since  Stage  // when it is first touched: memory that was only mapped costs nothing
	Mapped bool   // an arena, known to the byte; else an upper bound or, of the program, a guess
}

// A Stage of a run takes memory that later ones keep.
type Stage int

// The stages: everything is there once the first update was made.
const (
	Loading Stage = iota
	Generating
	Updating
	Stages
)

func (s Stage) String() string { return [...]string{"load", "generate", "update"}[s] }

// Bytes is what the run holds at most in the first step up to a stage.
func (p *Plan) Bytes(s Stage) int {
	n := 0
	for _, it := range p.Items {
		if it.Since <= s {
			n += it.Bytes
		}
	}
	return n
}

// A dryRun is weights and what a loop maps beside them, without memory.
type dryRun struct {
	b       *tally.Backend
	c       Config
	w       *model.Weights
	machine *rl.Machine
	testing *rollout.Engine
}

func newDryRun(r tally.Rates, m model.Config, p model.Precision, c Config, test *rollout.Options) (*dryRun, error) {
	d := &dryRun{b: tally.New(r), c: c}
	var err error
	if d.w, err = model.NewWeights(d.b, m, p, model.Training); err != nil {
		return nil, err
	}
	if d.machine, err = rl.NewMachine(&d.c.Config, d.b, d.w); err == nil && test != nil {
		d.testing, err = rollout.New(d.b, d.w, *test)
	}
	return d, err
}

// NewPlan plans the memory of a run on backend b, that of the held-out tests included.
func NewPlan(b kernels.Backend, m model.Config, p model.Precision, c Config) (*Plan, error) {
	p.Moments = c.Moments
	test, err := c.testing(m.Context)
	if err != nil {
		return nil, err
	}
	prompt, err := c.prompt(m)
	if err != nil {
		return nil, err
	}
	d, err := newDryRun(tally.Rates{}, m, p, c, test)
	if err != nil {
		return nil, err
	}
	w, copied := d.w, d.machine.Copied
	plan := &Plan{Config: c, Model: m, Precision: p, Groups: c.Questions, Prompt: prompt}
	add := func(owner string, since Stage, mapped bool, parts ...model.MemoryItem) {
		for _, part := range parts {
			plan.Items = append(plan.Items, Item{part, owner, since, mapped})
			plan.Total += part.Bytes
		}
	}
	for _, part := range w.Memory() {
		since := Loading
		if part.Updated() {
			since = Updating
		}
		add("model", since, true, part)
	}
	packed := Generating
	if copied != nil {
		add("generating", Loading, true, copied.Memory()...)
		packed = Updating
	}
	add("generating", Generating, true, d.machine.Engine.Memory()...)
	if d.testing != nil {
		add("testing", Generating, true, d.testing.Memory()...)
		packed = Generating
	}
	add("updating", Updating, true, d.machine.Trainer.Decoder.Memory()...)
	if host, ok := b.(kernels.HostMemory); ok {
		if err := d.short(); err != nil {
			return nil, err
		}
		packs, scratch := w.HostMemory(host, d.b.Weights())
		add("kernels", packed, false, packs)
		if copied != nil {
			packs, _ := copied.HostMemory(host, d.b.Weights())
			add("kernels", Generating, false, packs)
		}
		add("kernels", Generating, false, scratch)
	}
	add("program", Loading, false, fit.Program)
	return plan, nil
}

// short runs the least that shows which weights products read.
func (d *dryRun) short() error {
	if err := d.generate(1, 2, 1, 1); err != nil {
		return err
	}
	if d.testing != nil {
		if _, err := d.testing.Generate(context.Background(), requests(1, 2, 1, 1)); err != nil {
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

// generate answers n prompts.
func (d *dryRun) generate(n, prompt, answers, length int) error {
	_, err := d.machine.Engine.Generate(context.Background(), requests(n, prompt, answers, length))
	return err
}

// update adds the gradients of the answers to n prompts.
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
	return u.Accumulate(context.Background(), trees)
}
