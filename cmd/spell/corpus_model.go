package main

import (
	"context"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/rl/budget"
	corpora "spell/rl/corpus/build"
	"spell/rl/corpus/hidden"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// embedder makes the vectors of a corpus by a model, which it loads when there are texts.
type embedder struct {
	modelFlags
	b    kernels.Backend
	p    model.Precision
	text *chat.Dialog
	note func([]string)
}

// embedder opens all of --model but its weights.
func (e *engine) embedder(dir string) (*embedder, error) {
	b, p, err := e.open()
	if err != nil {
		return nil, err
	}
	x := &embedder{modelFlags: modelFlags{dir: dir}, b: b, p: p, note: e.note}
	m, err := x.config()
	if err != nil {
		b.Close()
		return nil, err
	}
	if x.text, err = runner.OpenText(x.at.text, m.Vocab); err == nil && x.text == nil {
		err = runner.NoTokenizer(dir, "documents are text; add one")
	}
	if err == nil {
		err = fitsEmbedding(b, m, p)
	}
	if err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

func (x *embedder) close() {
	x.free()
	x.b.Close()
}

// fitsEmbedding refuses a model for which there is too little memory, with what would fit.
func fitsEmbedding(b kernels.Backend, m *source, p model.Precision) error {
	like := func(p model.Precision) (budget.Memory, error) {
		return scoringNeeds(b, m, p, forest.Limits{Batch: hidden.Batch})
	}
	return refuse(b, func() (budget.Memory, error) { return like(p) },
		func(fits func(budget.Memory, error) bool) []string {
			return smallerWay(p, func(smaller model.Precision) bool { return fits(like(smaller)) })
		})
}

// model is what the corpus takes.
func (x *embedder) model() (*corpora.Model, error) {
	hash, err := runner.Identity(x.at.dir, x.at.adapter)
	if err != nil {
		return nil, err
	}
	return &corpora.Model{Origin: corpora.Origin{Path: x.dir, Hash: hash, Precision: x.p.Name}, Open: x.open}, nil
}

// open loads the weights.
func (x *embedder) open(ctx context.Context) (corpora.Embedder, error) {
	w, err := x.load(ctx, x.b, x.p)
	if err != nil {
		return nil, err
	}
	x.note(w.Notes)
	m, err := hidden.New(x.b, w, x.text.Tok)
	if err != nil {
		w.Free()
		return nil, err
	}
	return &loaded{m, w}, nil
}

// loaded is a model with its weights.
type loaded struct {
	*hidden.Model
	weights *model.Weights
}

// Free frees both.
func (l *loaded) Free() error {
	err := l.Model.Free()
	l.weights.Free()
	return err
}
