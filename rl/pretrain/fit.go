package pretrain

import (
	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/budget"
	"spell/tokenizer"
)

// training is what a run of the recipe trains, with its gates and texts of so many bytes.
func (r *Config) training(shape model.Config, p model.Precision, texts int64) budget.Training {
	t := budget.Training{Model: shape, Precision: r.Kept(p), Optim: r.Optim, Limits: r.limits(),
		Activation: r.Activations(), Texts: texts}
	if r.gated() {
		t.Tests = append(t.Tests, r.testing(0))
	}
	return t
}

// Plan returns what a run of the recipe takes that makes a model of that configuration of texts of so many
// bytes.
func (r *Config) Plan(b kernels.Backend, shape model.Config, p model.Precision, texts int64) (*budget.Plan, error) {
	t := r.training(shape, p, texts)
	plan, err := t.Plan(b)
	if err != nil {
		return nil, err
	}
	for _, s := range r.Stages {
		plan.Steps += s.Steps
	}
	plan.Disk.Logs = int64(plan.Steps) << 8 // a line per step
	plan.Shape = budget.ShapeOf(&t.Model, &t.Precision, r.PassTokens)
	plan.Clock = func(rates tally.Rates) (*budget.Times, error) { return r.time(t, rates) }
	return plan, nil
}

// time returns the mean step of all stages. The gates are not in it.
func (r *Config) time(t budget.Training, rates tally.Rates) (*budget.Times, error) {
	times := &budget.Times{}
	for i := range r.Stages {
		s := &r.Stages[i]
		length, n := min(r.Context, r.PassTokens, max(s.Tokens, 1)), 1
		switch s.Data {
		case "drill":
			length, n = min(2*(s.Pairs+s.Queries), r.PassTokens), s.Batch
		case "copy":
			length, n = min(2*s.Text, r.PassTokens), s.Batch
		default:
			n = (s.Tokens + length - 1) / length
		}
		phases, err := t.Step(rates, n, length)
		if err != nil {
			return nil, err
		}
		times.Steps += s.Steps
		for k, p := range phases {
			if i == 0 {
				times.Phases = append(times.Phases, budget.Phase{Name: p.Name})
			}
			times.Phases[k].Work = times.Phases[k].Work.Add(p.Work, float64(s.Steps))
			times.Phases[k].Tokens += s.Steps * p.Tokens
		}
	}
	for k := range times.Phases {
		p := &times.Phases[k]
		p.Work, p.Tokens = tally.Work{}.Add(p.Work, 1/float64(times.Steps)), p.Tokens/times.Steps
	}
	return times, nil
}

// Fit refuses a recipe that takes more than the available bytes of the host's or than a device has, with
// settings that would do, and one whose passes do not hold what its stages make with the tokenizer. 0 is a
// machine that does not tell.
func (r *Config) Fit(b kernels.Backend, p model.Precision, tok *tokenizer.Tokenizer, texts, available int64,
	resuming bool) error {
	shape := r.Model(tok.VocabSize(), 0)
	least, err := r.least(tok)
	if err != nil {
		return err
	}
	if resuming { // windows of text stay as long as they were
		for i := range r.Stages {
			if s := &r.Stages[i]; s.Data == "text" {
				least = max(least, min(r.Context, s.Tokens, r.PassTokens))
			}
		}
	}
	need := func(c Config) (budget.Memory, error) {
		plan, err := c.training(shape, p, texts).Plan(b)
		if err != nil {
			return budget.Memory{}, err
		}
		return plan.Needs(), nil
	}
	knobs := budget.TrainingKnobs(b, least, r.PassTokens, (*Config).Room)
	return budget.Fit(*r, budget.Available(b, available), need, knobs, resuming)
}
