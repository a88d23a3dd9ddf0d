package runner

import (
	"context"
	"fmt"
	"path/filepath"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/model/nano"
	"spell/model/open"
	"spell/model/peft"
	"spell/model/train"
	"spell/tokenizer/chat"
)

// What a run needs of the model that it began with: the frozen weights of adapters, and what a policy is
// compared with. Checkpoints of adapters do not hold it, and those of weights hold what became of it.

// findBase finds the model that the run began with: where it was, or where --model says that it is now.
func (r *run) findBase(given string) (err error) {
	saved := r.folder.saved
	if saved == nil {
		r.base = origin{Path: given}
		return nil
	}
	if !r.needsBase() {
		r.base = saved.Model
		return nil
	}
	path := given
	if path == "" {
		path = saved.Model.Path
	}
	if r.base, err = r.originOf(path); err != nil {
		return fmt.Errorf("the run needs the model that it began with, which cannot be read (%w); name the folder "+
			"where it is now with --model", err)
	}
	if saved.Model.Hash != "" && saved.Model.Hash != r.base.Hash {
		return fmt.Errorf("%v is no longer the one that the run began with, which it needs; restore it, or begin "+
			"another run with another --out", r.base)
	}
	return nil
}

// originOf returns the origin of the model of a run. One that the run makes has none, and neither has the
// embedded base for the generated world, unless adapters of it are trained.
func (r *run) originOf(path string) (origin, error) {
	if at, err := placed(path); err != nil || at == "" && adaptersOf(r.method) == nil {
		return origin{}, err
	}
	return originOf(path)
}

// given returns --model, or the embedded base that a run began with which goes on without.
func (r *run) given(path string) string {
	saved := r.folder.saved
	if path != "" || saved == nil {
		return path
	}
	if _, ok := nano.Named(saved.Model.Path); !ok || saved.Model.Path == "" {
		return path
	}
	if m, ok := r.method.(interface{ goOn(path string) }); ok {
		m.goOn(saved.Model.Path)
	}
	return saved.Model.Path
}

// findAdapter finds out which adapters the run began with, and refuses others.
func (r *run) findAdapter(given string) (err error) {
	if given != "" {
		if given, err = filepath.Abs(given); err != nil {
			return err
		}
	}
	r.adapter = given
	saved := r.folder.saved
	if saved == nil || given == saved.Adapter {
		return nil
	}
	if r.adapter = saved.Adapter; given == "" {
		return nil
	}
	began := "without adapters"
	if saved.Adapter != "" {
		began = "with the adapters in " + saved.Adapter
	}
	return fmt.Errorf("the run began %s and goes on from its own checkpoint, not with --adapter %s; leave out "+
		"--adapter, or begin another run with another --out", began, given)
}

// needsBase reports whether a run that goes on reads the model that it began with.
func (r *run) needsBase() bool {
	if c, ok := r.method.(Comparing); ok && c.Compares() {
		return true
	}
	return adaptersOf(r.method) != nil
}

// Comparing is a method that may compare the weights that it trains with those that the run began with.
type Comparing interface {
	Compares() bool
}

// basePath returns where the model is that adapters belong to, or which embedded base it is.
func (r *run) basePath() string {
	path, err := placed(r.base.Path)
	if err != nil {
		return r.base.Path
	}
	return path
}

// shape returns the configuration of the run's model.
func (r *run) shape() (model.Config, error) {
	switch at := r.folder.Checkpoint; {
	case at == "":
		return r.method.Shape()
	case peft.Is(at):
		return ShapeOf(r.base.Path)
	default:
		return hf.ReadConfig(at)
	}
}

// resume loads the weights of the checkpoint, with a function that restores the optimizer.
func (r *run) resume(ctx context.Context, b kernels.Backend, p model.Precision) (w *model.Weights,
	optimizer func(*train.Trainer) error, err error) {

	if a, ok := r.method.(Adapting); ok {
		if p, err = a.Adapters().Precision(p); err != nil {
			return nil, nil, err
		}
	}
	at, s := r.folder.Checkpoint, savedRun{}
	base := func() (*model.Weights, error) { return frozen(ctx, b, r.base.Path, p) }
	w, optimizer, err = train.ResumeOn(ctx, b, at, p, &s, base)
	if err == nil {
		r.text, err = chat.Open(at)
	}
	if err == nil && len(w.Adapters()) > 0 { // else the checkpoint's config.json has them
		w.EOS = EndTokens(w.EOS, r.text)
	}
	return w, optimizer, err
}

// fill returns what fills weights with those that the run began with.
func (r *run) fill(ctx context.Context, b kernels.Backend) func(w *model.Weights) error {
	return func(w *model.Weights) error {
		dir, done, err := ModelFolder(r.base.Path)
		if err != nil {
			return err
		}
		defer done()
		return open.Fill(ctx, b, w, dir)
	}
}

// parameters says how many numbers a model has, and how many of them are trained if not all.
func parameters(w *model.Weights) string {
	all := fmt.Sprintf("%d parameters", w.Config.Params())
	if len(w.Adapters()) == 0 {
		return all
	}
	n := 0
	for _, p := range w.Adapters() {
		n += p.Rows * p.Cols
	}
	return fmt.Sprintf("%s and adapters of %d, which are trained", all, n)
}
