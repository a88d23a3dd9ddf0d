package sft

import (
	"context"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/budget"
)

// training is what a run over a file trains.
func (c *Config) training(shape model.Config, p model.Precision, f *File) (budget.Training, error) {
	p, err := c.LoRA.Precision(c.Kept(p))
	return budget.Training{Model: shape, Precision: p, LoRA: c.LoRA.Spec(), Optim: c.Optim, Limits: c.limits(),
		Activation: c.Activations(), Texts: f.bytes()}, err
}

// Plan returns what the run takes. How many updates it has is known once its time is asked for, since
// the file is encoded for that.
func (m *Method) Plan(ctx context.Context, b kernels.Backend, shape model.Config, p model.Precision) (*budget.Plan,
	error) {

	t, err := m.Config.training(shape, p, m.file)
	if err != nil {
		return nil, err
	}
	plan, err := t.Plan(b)
	if err != nil {
		return nil, err
	}
	plan.Shape = budget.ShapeOf(&shape, &p, m.Config.PassTokens)
	plan.Clock = func(r tally.Rates) (*budget.Times, error) { return m.time(ctx, t, shape, r) }
	return plan, nil
}

// time returns what all updates of the run take, and its measurements.
func (m *Method) time(ctx context.Context, t budget.Training, shape model.Config, r tally.Rates) (
	*budget.Times, error) {

	d, err := m.encode(ctx, shape)
	if err != nil {
		return nil, err
	}
	updates, err := plan(ctx, m.Config, d.train)
	if err != nil {
		return nil, err
	}
	c := &m.Config
	lines, tokens, _ := count(d.train)
	times := &budget.Times{Steps: len(updates)}
	if times.Phases, err = t.Step(r, min(c.Batch, lines), max(1, tokens/lines)); err != nil {
		return nil, err
	}
	if len(d.heldOut) > 0 {
		lines, tokens, _ := count(d.heldOut)
		phases, err := t.Step(r, lines, max(1, tokens/lines))
		if err != nil {
			return nil, err
		}
		// Scoring is a third of the work that gradients are.
		times.Tests = float64(2+(len(updates)-1)/c.Measure) * phases[0].Work.Seconds / 3
	}
	return times, nil
}
