package sft

import (
	"context"
	"fmt"
	"io"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/budget"
	"spell/rl/plural"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// A Method is fine-tuning as the command line knows it: its settings, and where model and data are.
type Method struct {
	runner.OnModel
	Config Config
	Data   string // file

	file       *File
	checkpoint string // that the run goes on from; empty if it begins
}

// Name returns the name of the command.
func (m *Method) Name() string { return "sft" }

// Settings returns a pointer to the configuration.
func (m *Method) Settings() any { return &m.Config }

// Base returns what every run has.
func (m *Method) Base() *runner.Base { return &m.Config.Base }

// About returns what the card of a fine-tuned model tells of it.
func (m *Method) About() runner.About {
	c := Default()
	return runner.About{Done: "fine-tuned", Tag: "sft", Defaults: &c,
		How: "supervised fine-tuning on prompts with answers. Learned were the tokens of the answers alone."}
}

// Adapters returns the settings of adapters.
func (m *Method) Adapters() *runner.LoRA { return &m.Config.LoRA }

// Instead says what serves in place of a setting of self-play.
func (m *Method) Instead(name string) string {
	if name != "kl" {
		return ""
	}
	return "sft stays near to the model it began with by a lower optim.lr, fewer epochs, or adapters (--lora)"
}

// Load returns what the run begins with, and the text side of its model.
func (m *Method) Load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog,
	error) {

	return m.LoadBegin(ctx, b, p, &m.Config.LoRA, m.Config.Seed)
}

// Read reads the file.
func (m *Method) Read(ctx context.Context, checkpoint string, _ *runner.Console) (err error) {
	m.checkpoint = checkpoint
	m.file, err = Read(ctx, m.Data)
	return err
}

// Fit refuses a run that takes more memory than there is. Passes are not made smaller than the file's
// lines, or, in a run that goes on, than what goes through the model together.
func (m *Method) Fit(ctx context.Context, b kernels.Backend, shape model.Config, p model.Precision, available int64,
	resuming bool) error {

	need := func(c Config) (budget.Memory, error) {
		t, err := c.training(shape, p, m.file)
		if err != nil {
			return budget.Memory{}, err
		}
		plan, err := t.Plan(b)
		if err != nil {
			return budget.Memory{}, err
		}
		return plan.Needs(), nil
	}
	has := budget.Available(b, available)
	if n, err := need(m.Config); err != nil || n.Within(has) {
		return err
	}
	d, err := m.encode(ctx, shape)
	if err != nil {
		return err
	}
	least := d.longest()
	if resuming {
		least = d.largest()
	}
	least = max(16, m.Config.MaxTokens, least)
	knobs := budget.TrainingKnobs(b, least, m.Config.PassTokens, (*Config).Room)
	knobs.Otherwise = runner.AdapterKnobs(&m.Config.LoRA, func(c *Config) *runner.LoRA { return &c.LoRA })
	return budget.Fit(m.Config, has, need, knobs, resuming)
}

// encode returns the file as the run will learn it, without a model.
func (m *Method) encode(ctx context.Context, shape model.Config) (*data, error) {
	from := m.Path
	if m.checkpoint != "" {
		from = m.checkpoint
	}
	text, err := runner.TextOf(from, shape.Vocab)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(m.Config, text, runner.EndTokens(shape.EOS, text))
	if err != nil {
		return nil, err
	}
	s := sizesOf(&m.Config, shape.Context)
	if m.checkpoint != "" {
		var saved struct{ State state }
		if err := train.ReadState(m.checkpoint, &saved); err != nil {
			return nil, err
		}
		s = saved.State.Sizes
	}
	return prepare(ctx, m.Config, m.file, e, shape.Vocab, shape.Context, s)
}

// Describe writes what will be learned from the file.
func (m *Method) Describe(ctx context.Context, w io.Writer, shape model.Config) error {
	d, err := m.encode(ctx, shape)
	if err != nil {
		return err
	}
	updates, err := plan(ctx, m.Config, d.train)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n%s\n", plural.Of(len(updates), "update"), d.summary(m.file, m.Config.HeldOut))
	return err
}

// Begin prepares the run on a model.
func (m *Method) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	if m.checkpoint != "" { // the batches are those of its state
		return open(ctx, m.Config, on, m.file, nil)
	}
	return New(ctx, m.Config, on, m.file)
}
