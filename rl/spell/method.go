package spell

import (
	"context"
	"errors"
	"io"

	"spell/kernels"
	"spell/model"
	"spell/rl"
	"spell/rl/budget"
	"spell/rl/corpus"
	"spell/rl/corpus/build"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/reading"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// A Method is self-play as the command line knows it: its settings, and where model and documents
// are.
type Method struct {
	runner.OnModel
	Config Config
	Docs   string // folder of files, or a corpus that spell corpus made; empty: the generated world
	Memory int64  // bytes that this machine has for a corpus and a model; 0: nobody knows

	docs   *corpus.Corpus
	report told
	texts  *Texts
	judge  Judge
}

// told is what became of the files of a folder or a corpus.
type told interface {
	String() string
	Write(w io.Writer) error
}

// Name returns the name of the command.
func (m *Method) Name() string { return "train" }

// Settings returns a pointer to the configuration.
func (m *Method) Settings() any { return &m.Config }

// Base returns what every run has.
func (m *Method) Base() *runner.Base { return &m.Config.Base }

// About returns what the card of a model tells of it that has played against itself.
func (m *Method) About() runner.About {
	c := Default()
	return runner.About{Done: "trained by self-play", Tag: "self-play", Defaults: &c,
		How: "self-play over documents without labels, by the method SPELL " +
			"([arXiv 2509.23863](https://arxiv.org/abs/2509.23863)): the model asked questions about documents, " +
			"answered them, judged the answers and learned from all three."}
}

// Adapters returns the settings of adapters.
func (m *Method) Adapters() *runner.LoRA { return &m.Config.LoRA }

// Compares reports whether the run compares the policy with the model that it began with.
func (m *Method) Compares() bool { return m.Config.KL > 0 }

// Load returns what the run begins with, and the text side of its model.
func (m *Method) Load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog,
	error) {

	return m.LoadBegin(ctx, b, p, &m.Config.LoRA, m.Config.Seed)
}

// Read reads the user's folder, or generates the world and its judge, and the questions held out.
func (m *Method) Read(ctx context.Context, _ string, c *runner.Console) error {
	if m.docs == nil { // else the run was sized to them
		if err := m.read(ctx, c); err != nil {
			return err
		}
	}
	if m.Docs != "" || m.Config.HeldOut <= 0 {
		return ctx.Err()
	}
	// Plans have them at hand then.
	_, err := eval.WorldJudge{}.Tests(ctx, eval.TestOptions{Questions: m.Config.HeldOut})
	return err
}

// read reads the documents or makes them.
func (m *Method) read(ctx context.Context, c *runner.Console) error {
	if m.Docs != "" {
		docs, report, err := m.documents(ctx, func(done, total int) { c.Progress("reading "+m.Docs, done, total) })
		if err != nil {
			return err
		}
		c.Printf("%v\n", report)
		if m.Config.ByRule {
			docs = reading.Prepared(docs)
			m.judge = eval.DocumentsJudge{Corpus: reading.NewCorpus(docs)}
		}
		m.docs, m.report, m.texts = docs, report, m.Config.textsOf(docs, false)
		m.texts.Own = true
		if note := m.texts.note(len(docs.Clusters)); note != "" {
			c.Note(note)
		}
		return m.Config.matched(docs)
	}
	w, err := world.NewCorpus(m.Config.Seed, worldClusters, world.Options{Docs: longDocs, Chains: true})
	if err != nil {
		return err
	}
	m.docs, m.texts, m.judge = &w.Corpus, m.Config.textsOf(&w.Corpus, m.IsWorld()), eval.WorldJudge{Corpus: w}
	if err := m.Config.matched(m.docs); err != nil {
		return err
	}
	return ctx.Err()
}

// documents reads the user's folder.
func (m *Method) documents(ctx context.Context, show func(done, total int)) (*corpus.Corpus, told, error) {
	if build.Is(m.Docs) {
		return build.Open(ctx, m.Docs, m.Memory, show)
	}
	o := folder.Options{DocChars: m.Config.DocChars, MaxDocs: m.Config.MaxDocs, OnProgress: show}
	return folder.Read(ctx, m.Docs, o)
}

// plan returns the plan of the run.
func (m *Method) plan(ctx context.Context, b kernels.Backend, shape model.Config, p model.Precision) (*Plan, error) {
	c := m.Config
	m.untested(&c)
	return NewPlan(ctx, b, shape, p, c, m.texts)
}

// untested leaves held-out questions out of settings to plan with if the documents were not read: how many of
// their clusters are kept out is not known then, and the generated world is not asked about.
func (m *Method) untested(c *Config) {
	if m.Docs != "" && m.texts == nil {
		c.HeldOut = 0
	}
}

// Plan returns what the run takes.
func (m *Method) Plan(ctx context.Context, b kernels.Backend, shape model.Config, p model.Precision) (*budget.Plan,
	error) {

	plan, err := m.plan(ctx, b, shape, p)
	if err != nil {
		return nil, err
	}
	return &plan.Plan, nil
}

// Fit refuses a run that takes more memory than there is.
func (m *Method) Fit(ctx context.Context, b kernels.Backend, shape model.Config, p model.Precision, available int64,
	resuming bool) error {

	plan, err := m.plan(ctx, b, shape, p)
	if err != nil {
		return err
	}
	return plan.Fit(ctx, b, m.texts, available, resuming)
}

// Size sets the configuration to the largest sizes below a preset's that fit; see Sizing.
func (m *Method) Size(ctx context.Context, s Sizing, preset Config) (inTime bool, err error) {
	s.Texts = m.texts
	m.untested(&preset)
	lay := s.Lay
	s.Lay = func(c *Config) error {
		err := lay(c)
		m.untested(c)
		return err
	}
	m.Config, inTime, err = s.Size(ctx, preset)
	return inTime, err
}

// Describe writes what will be read of the documents.
func (m *Method) Describe(ctx context.Context, w io.Writer, shape model.Config) error {
	if m.report != nil {
		if err := m.report.Write(w); err != nil {
			return err
		}
	}
	text, err := runner.TextOf(m.Path, shape.Vocab)
	if err != nil {
		return err
	}
	g, err := newGame(ctx, m.Config, text, shape.Context, m.docs, m.judge)
	if err != nil {
		return err
	}
	return g.describe(w)
}

// Begin makes the game on a model and the loop that plays it.
func (m *Method) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	return New(ctx, m.Config, on, m.docs, m.judge)
}

// New returns self-play of a model over documents. judge is nil unless the truth about them is
// known.
func New(ctx context.Context, c Config, on runner.Model, docs *corpus.Corpus, judge Judge) (*rl.Loop, error) {
	if on.Text == nil {
		return nil, errors.New("the model has no tokenizer; self-play needs one")
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
