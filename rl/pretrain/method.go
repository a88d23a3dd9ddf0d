package pretrain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/rl/budget"
	"spell/rl/corpus/build"
	"spell/rl/corpus/folder"
	"spell/rl/plural"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A Method is pretraining as the command line knows it: its settings, and where the texts are.
type Method struct {
	Config Config
	Docs   string // folder of files, or a corpus that spell corpus made; empty: the generated world
	Memory int64  // bytes that this machine has for a corpus and a model; 0: nobody knows

	texts  []folder.Text
	report told
	tok    *tokenizer.Tokenizer
}

// told is what became of the files of a folder or a corpus.
type told interface {
	String() string
	Write(w io.Writer) error
}

// Name returns the name of the command.
func (m *Method) Name() string { return "pretrain" }

// Settings returns a pointer to the configuration.
func (m *Method) Settings() any { return &m.Config }

// Base returns what every run has.
func (m *Method) Base() *runner.Base { return &m.Config.Base }

// About returns what the card of a model tells of it that was pretrained.
func (m *Method) About() runner.About {
	c := World()
	return runner.About{Done: "pretrained", Tag: "pretraining", Defaults: &c, Made: true,
		How: "pretraining: its tokenizer and weights were made from nothing."}
}

// Read reads the user's folder, and trains the tokenizer or takes the checkpoint's.
func (m *Method) Read(ctx context.Context, checkpoint string, c *runner.Console) (err error) {
	if m.Docs != "" {
		if err := m.documents(ctx, func(done, total int) { c.Progress("reading "+m.Docs, done, total) }); err != nil {
			return err
		}
		c.Printf("%v\n", m.report)
	}
	if checkpoint != "" {
		m.tok, err = tokenizer.Load(filepath.Join(checkpoint, "tokenizer.json"))
	} else {
		var texts []string
		if texts, err = m.Config.read(m.texts); err == nil {
			m.tok, err = Tokenizer(&m.Config, texts)
		}
	}
	return errors.Join(err, ctx.Err())
}

// documents reads the files of a folder, or the documents of a corpus, one cluster after the other.
func (m *Method) documents(ctx context.Context, show func(done, total int)) error {
	if !build.Is(m.Docs) {
		texts, report, err := folder.Texts(ctx, m.Docs, folder.Options{OnProgress: show})
		m.texts, m.report = texts, report
		return err
	}
	c, report, err := build.Open(ctx, m.Docs, m.Memory, show)
	if err != nil {
		return err
	}
	m.report = report
	for _, cluster := range c.Clusters {
		for _, d := range cluster.Docs {
			m.texts = append(m.texts, folder.Text(d))
		}
	}
	return nil
}

// Shape returns the configuration of the model that is made.
func (m *Method) Shape() (model.Config, error) {
	eos, _ := m.tok.Special(End)
	return m.Config.Model(m.tok.VocabSize(), eos), nil
}

// Plan returns what the run takes.
func (m *Method) Plan(_ context.Context, b kernels.Backend, shape model.Config, p model.Precision) (*budget.Plan,
	error) {

	return m.Config.Plan(b, shape, p, m.bytes())
}

// Fit refuses a run that takes more memory than there is.
func (m *Method) Fit(_ context.Context, b kernels.Backend, _ model.Config, p model.Precision, available int64,
	resuming bool) error {

	return m.Config.Fit(b, p, m.tok, m.bytes(), available, resuming)
}

// bytes returns the size of the texts.
func (m *Method) bytes() (n int64) {
	for _, t := range m.texts {
		n += int64(len(t.Text))
	}
	return n
}

// Describe writes what will be read of the texts.
func (m *Method) Describe(_ context.Context, w io.Writer, _ model.Config) error {
	if m.report == nil {
		return nil
	}
	if err := m.report.Write(w); err != nil {
		return err
	}
	texts := make([]string, len(m.texts))
	for i, t := range m.texts {
		texts[i] = t.Text
	}
	tokens := 0
	for _, ids := range m.tok.EncodeAll(texts) {
		tokens += len(ids)
	}
	_, err := fmt.Fprintf(w, "%s of %s; vocabulary %d\n", plural.Of(len(texts), "text"), plural.Of(tokens, "token"),
		m.tok.VocabSize())
	return err
}

// Load makes the weights.
func (m *Method) Load(_ context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	shape, err := m.Shape()
	if err != nil {
		return nil, nil, err
	}
	w, err := model.NewWeights(b, shape, p, model.Training)
	if err != nil {
		return nil, nil, err
	}
	w.Initialize(b, m.Config.Seed, m.Config.Init)
	return w, &chat.Dialog{Tok: m.tok}, nil
}

// Begin prepares the run on weights.
func (m *Method) Begin(_ context.Context, on runner.Model) (runner.Recipe, error) {
	return New(m.Config, on, m.texts)
}

// Same returns an error if a run that began with other settings cannot go on with these: only its last
// stage may have become longer, also after its end, or shorter. Steps that are done stay as they are: the
// learning rate is that of the new length from there on, and a stage that is now shorter than what is done
// of it is complete.
func (m *Method) Same(began json.RawMessage) error {
	var was Config
	if err := settings.Merge(began, &was); err != nil {
		return err
	}
	now := m.Config
	if n := len(now.Stages); n > 0 && n == len(was.Stages) {
		now.Stages = slices.Clone(now.Stages)
		now.Stages[n-1].Steps = was.Stages[n-1].Steps
	}
	return settings.Same(began, &now)
}
