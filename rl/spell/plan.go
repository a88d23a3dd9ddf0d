package spell

import (
	"context"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/budget"
	"spell/rl/runner"
)

// A Plan is what a run of self-play takes.
type Plan struct {
	budget.Plan
	Config    Config
	Model     model.Config
	Precision model.Precision
	Prompt    int  // tokens of the longest prompt that configuration and model allow
	Usual     Step // what a step asks and samples
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
	p, err := c.LoRA.Precision(p)
	if err != nil {
		return nil, err
	}
	if d.w, err = model.NewLearner(d.b, m, p, c.LoRA.Spec()); err != nil {
		return nil, err
	}
	if d.machine, err = rl.NewMachine(&d.c.Config, c.sampled(), d.b, d.w); err == nil && test != nil {
		d.testing, err = rollout.New(d.b, d.w, *test)
	}
	return d, err
}

// NewPlan plans a run on backend b, that of the held-out tests included. Texts are nil if the documents
// are not known: then every prompt is as long as it may be.
func NewPlan(ctx context.Context, b kernels.Backend, m model.Config, p model.Precision, c Config, texts *Texts) (
	*Plan, error) {
	p = c.Kept(p)
	test, err := c.testing(ctx, m.Context, texts.own())
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
	plan := &Plan{Config: c, Model: m, Precision: p, Prompt: prompt}
	if plan.Usual, err = c.usual(prompt, texts); err != nil {
		return nil, err
	}
	plan.Steps, plan.Shape = c.Steps, budget.ShapeOf(&m, &d.w.Precision, c.PassTokens)
	plan.Clock = func(r tally.Rates) (*budget.Times, error) { return plan.time(r, test, texts.own()) }
	plan.Disk.Logs = c.logs(&plan.Usual, texts)
	plan.AddModel(d.w)
	plan.add(d)
	if host, ok := b.(kernels.HostMemory); ok {
		if err := d.short(); err != nil {
			return nil, err
		}
		plan.addKernels(d, host)
	}
	plan.AddDevice(b, d.sizes(prompt)...)
	plan.AddProgram(m.Vocab, texts.bytes(), plan.Usual.heap())
	return plan, nil
}

// add adds what generates, tests and updates.
func (p *Plan) add(d *dryRun) {
	if d.machine.Copied != nil {
		p.Add("generating", budget.Loading, true, d.machine.Copied.Memory()...)
	}
	if r := d.machine.Reference; r != nil && len(d.w.Adapters()) == 0 {
		for _, part := range r.Memory() {
			part.Name = "weights it began with"
			p.Add("reference", budget.Loading, true, part)
		}
	}
	p.AddTurns("generating", budget.Generating, d.machine.Engine.Memory()...)
	if d.testing != nil {
		p.Add("testing", budget.Generating, true, d.testing.Memory()...)
	}
	p.AddTurns("updating", budget.Updating, d.machine.Trainer.Decoder.Memory()...)
}

// addKernels adds what the backend takes for products with the weights, which are packed when they are
// first read.
func (p *Plan) addKernels(d *dryRun, host kernels.HostMemory) {
	packed := budget.Generating
	if d.machine.Copied != nil && d.testing == nil {
		packed = budget.Updating
	}
	packs, scratch := d.w.HostMemory(host, d.b.Weights())
	p.Add("kernels", packed, false, packs)
	if copied := d.machine.Copied; copied != nil {
		packs, _ := copied.HostMemory(host, d.b.Weights())
		p.Add("kernels", budget.Generating, false, packs)
	}
	if r := d.machine.Reference; r != nil && len(d.w.Adapters()) == 0 {
		packs, _ := r.HostMemory(host, d.b.Weights())
		p.Add("kernels", budget.Updating, false, packs)
	}
	p.Add("kernels", budget.Generating, false, scratch)
}

// sizes returns what bounds the operands of all operations, with prompts of so many tokens. A row sees a
// prompt and an output.
func (d *dryRun) sizes(prompt int) []kernels.Sizes {
	list := []kernels.Sizes{d.machine.Engine.Sizes(), d.machine.Trainer.Decoder.Sizes()}
	for i := range list {
		list[i].Keys = min(list[i].Keys, prompt+d.c.longest())
	}
	if d.testing != nil {
		list = append(list, d.testing.Sizes())
	}
	return list
}

// Fit returns an error if the plan takes more than the available bytes of the host's memory, or more than
// the device of b has, with settings that would not. 0 is a machine that does not tell.
func (p *Plan) Fit(ctx context.Context, b kernels.Backend, texts *Texts, available int64,
	resuming bool) error {

	need := func(c Config) (budget.Memory, error) {
		if err := c.Validate(); err != nil {
			return budget.Memory{}, err
		}
		plan, err := NewPlan(ctx, b, p.Model, p.Precision, c, texts)
		if err != nil {
			return budget.Memory{}, err
		}
		return plan.Needs(), nil
	}
	return budget.Fit(p.Config, budget.Available(b, available), need, p.Config.knobs(b), resuming)
}

// knobs are the settings that bound the memory of self-play on b.
func (c *Config) knobs(b kernels.Backend) budget.Knobs[Config] {
	tight := c.Tight(0, 0, 0)
	share := func(least, most, of64 int) int { return least + (most-least)*of64/64 }
	k := budget.Knobs[Config]{
		Room: []budget.Size[Config]{
			{Least: tight.PassTokens, Most: c.PassTokens - 1, Set: func(c *Config, n int) { c.PassTokens = n }},
			{Least: tight.CacheTokens, Most: c.CacheTokens - 1, Set: func(c *Config, n int) { c.CacheTokens = n }},
			{Least: 0, Most: 63, Set: func(c *Config, n int) {
				c.PassTokens, c.BatchTokens, c.CacheTokens = share(tight.PassTokens, c.PassTokens, n),
					share(tight.BatchTokens, c.BatchTokens, n), share(tight.CacheTokens, c.CacheTokens, n)
			}},
		},
		Sizes: []budget.Size[Config]{
			{Least: min(64, c.MaxPrompt), Most: c.MaxPrompt - 1, Set: func(c *Config, n int) { *c = c.Tight(n, 0, 0) }},
			{Least: 2, Most: c.Answers - 1, Set: func(c *Config, n int) { *c = c.Tight(0, n, 0) }},
			{Least: 16, Most: c.longest() - 1, Set: func(c *Config, n int) { *c = c.shorter(n) }},
			{Least: 1, Most: 63, Set: func(c *Config, n int) {
				d := c.Tight(max(64, c.MaxPrompt*n/64), max(2, c.Answers*n/64), 0)
				*c = d.shorter(max(16, c.longest()*n/64))
			}},
		},
		Switches: budget.TrainingSwitches(b, (*Config).Room),
	}
	k.Otherwise = runner.AdapterKnobs(&c.LoRA, func(c *Config) *runner.LoRA {
		c.Int8 = false // generating with a copy of weights that are trained
		return &c.LoRA
	})
	if c.HeldOut > 0 {
		k.Switches = append(k.Switches, []func(*Config){func(c *Config) { c.HeldOut = 0 }})
	}
	return k
}

// shorter returns c with outputs of at most n tokens, and room for no more.
func (c Config) shorter(n int) Config {
	c.MaxQuestion, c.MaxAnswer, c.MaxVote = min(c.MaxQuestion, n), min(c.MaxAnswer, n), min(c.MaxVote, n)
	return c.Tight(0, 0, 0)
}
