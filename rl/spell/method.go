package spell

import (
	"context"
	"errors"

	"spell/kernels"
	"spell/model"
	"spell/rl"
	"spell/rl/corpus"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// A Method is self-play as the command line knows it: its settings, and where model and documents
// are.
type Method struct {
	Config Config
	Model  string // folder; empty: the embedded base
	Docs   string // folder; empty: the generated world

	docs  *corpus.Corpus
	judge Judge
}

// Name returns the name of the command.
func (m *Method) Name() string { return "train" }

// Settings returns a pointer to the configuration.
func (m *Method) Settings() any { return &m.Config }

// Base returns what every run has.
func (m *Method) Base() *runner.Base { return &m.Config.Base }

// Read reads the user's folder, or generates the world and its judge.
func (m *Method) Read(ctx context.Context, _ string, c *runner.Console) error {
	if m.Docs != "" {
		o := folder.Options{OnProgress: func(done, total int) { c.Progress("reading "+m.Docs, done, total) }}
		o.DocChars, o.MaxDocs = m.Config.DocChars, m.Config.MaxDocs
		docs, report, err := folder.Read(ctx, m.Docs, o)
		if err != nil {
			return err
		}
		c.Printf("%v\n", report)
		m.docs = docs
		return nil
	}
	w, err := world.NewCorpus(m.Config.Seed, worldClusters, world.Options{Docs: longDocs, Chains: true})
	if err != nil {
		return err
	}
	m.docs, m.judge = &w.Corpus, eval.Judge{Corpus: w}
	return ctx.Err()
}

// Shape returns the configuration of the model.
func (m *Method) Shape() (model.Config, error) { return runner.ShapeOf(m.Model) }

// Fit refuses a run that takes more memory than there is.
func (m *Method) Fit(b kernels.Backend, shape model.Config, p model.Precision, available int64, resuming bool) error {
	c := m.Config
	if m.Docs != "" {
		c.HeldOut = 0
	}
	plan, err := NewPlan(b, shape, p, c)
	if err != nil {
		return err
	}
	return plan.Fit(b, available, resuming)
}

// Load loads the model for training, with its text side.
func (m *Method) Load(b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	return runner.Learner(b, m.Model, p)
}

// Begin makes the game on a model and the loop that plays it.
func (m *Method) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	return New(ctx, m.Config, on, m.docs, m.judge)
}

// New returns self-play of a model over documents. judge is nil unless the truth about them is
// known.
func New(ctx context.Context, c Config, on runner.Model, docs *corpus.Corpus, judge Judge) (*rl.Loop, error) {
	if on.Text == nil {
		return nil, errors.New("the model has no tokenizer.json; self-play needs one")
	}
	if err := on.Weights.CheckMoments(c.Moments); err != nil {
		return nil, err
	}
	g, err := newGame(ctx, c, on.Text, on.Weights.Context, docs, judge)
	if err != nil {
		return nil, err
	}
	on.Text = g.Chat
	return rl.NewLoop(&g.Config.Config, on, g)
}
