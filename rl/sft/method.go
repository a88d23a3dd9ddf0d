package sft

import (
	"context"

	"spell/kernels"
	"spell/model"
	"spell/rl/fit"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// A Method is fine-tuning as the command line knows it: its settings, and where model and data are.
type Method struct {
	Config Config
	Model  string // folder; empty: the embedded base
	Data   string // file

	file     *File
	resuming bool // in the batches of a checkpoint
}

// Name returns the name of the command.
func (m *Method) Name() string { return "sft" }

// Settings returns a pointer to the configuration.
func (m *Method) Settings() any { return &m.Config }

// Base returns what every run has.
func (m *Method) Base() *runner.Base { return &m.Config.Base }

// Read reads the file.
func (m *Method) Read(ctx context.Context, checkpoint string, _ *runner.Console) (err error) {
	m.resuming = checkpoint != ""
	if m.file, err = Read(m.Data); err != nil {
		return err
	}
	return ctx.Err()
}

// Shape returns the configuration of the model.
func (m *Method) Shape() (model.Config, error) { return runner.ShapeOf(m.Model) }

// Fit refuses a run that takes more memory than there is.
func (m *Method) Fit(b kernels.Backend, shape model.Config, p model.Precision, available int64, resuming bool) error {
	c := &m.Config
	need := func(tokens int, moments model.Moments) (int, error) {
		try, p := *c, p
		try.PassTokens, p.Moments = tokens, moments
		return fit.Trainer(b, shape, p, try.Optim, try.limits())
	}
	return fit.Passes(c.PassTokens, max(16, c.MaxTokens), c.Moments, resuming, available, need)
}

// Load loads the model for training, with its text side.
func (m *Method) Load(b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	return runner.Learner(b, m.Model, p)
}

// Begin prepares the run on a model.
func (m *Method) Begin(_ context.Context, on runner.Model) (runner.Recipe, error) {
	prepare := New
	if m.resuming {
		prepare = func(c Config, on runner.Model, f *File) (*Run, error) { return open(c, on, f, nil) }
	}
	r, err := prepare(m.Config, on, m.file)
	if err != nil {
		return nil, err
	}
	return r, nil
}
