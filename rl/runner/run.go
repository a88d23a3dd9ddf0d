package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/train"
	"spell/rl/budget"
	"spell/rl/events"
	"spell/rl/journal"
	"spell/rl/plural"
	"spell/rl/settings"
	"spell/tokenizer/chat"
)

// Options are what the command line says about a run beside its settings.
type Options struct {
	Model     string // --model, as it was given
	Adapter   string // --adapter, likewise
	Open      func() (kernels.Backend, model.Precision, error)
	Available func() int64 // bytes of the host's memory there are; 0 if the machine does not tell
	// Rates measures the machine, for the time that the run will take. nil: no time is said.
	Rates   func(kernels.Backend, tally.Shape) (tally.Rates, error)
	Console *Console
}

// Run runs a method in a folder to its end, or until the context ends. What it returns if a signal
// stopped it is a *Stopped, if it failed its purpose a *Failed.
func Run(ctx context.Context, m Method, f *Folder, o Options) error {
	r := &run{method: m, folder: f, console: o.Console, journal: journal.New(f.Dir), ticks: journal.New(f.Dir)}
	for _, note := range f.Notes {
		r.console.Note(note)
	}
	given := r.given(o.Model)
	if err := r.compare(given); err != nil {
		return err
	}
	if err := r.findAdapter(o.Adapter); err != nil {
		return err
	}
	if err := r.findBase(given); err != nil {
		return err
	}
	stop := r.console.Watch(ctx)
	defer stop()
	defer r.console.guard()()
	r.console.phase("reading the data")
	if err := m.Read(ctx, f.Checkpoint, o.Console); err != nil {
		return stopped(ctx, err, whileRead)
	}
	b, p, err := o.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	p = m.Base().Kept(p)
	r.console.phase("planning")
	takes, err := r.fit(ctx, b, p, o)
	if err != nil {
		return stopped(ctx, err, whilePlanned)
	}
	r.console.phase("loading the model")
	w, err := r.load(ctx, b, p)
	if err != nil {
		return stopped(ctx, err, whileLoaded)
	}
	defer w.Free()
	defer r.recipe.Free()
	for _, note := range slices.Concat(w.Notes, unbalanced(&w.Mixture), r.notesOnText()) {
		r.console.Note(note)
	}
	if done, total := r.recipe.Steps(); done > total {
		r.console.Printf("the run has made %s already, and --steps is for %d in all: nothing to do; a higher "+
			"--steps makes it longer\n", plural.Of(done, "step"), total)
		return nil
	}
	if err := r.start(); err != nil {
		return err
	}
	r.console.Printf("%s, %s, %s; %s\n", parameters(w), b.Name(), w.Precision.Name, r.recipe.Summary())
	if done, total := r.recipe.Steps(); done == total && total > 0 {
		r.console.Printf("the run is complete, %d of %d steps: this is what it came to\n", done, total)
	} else if !r.console.Quiet {
		r.console.Printf("%s\n", takes)
	}
	if err := r.loop(ctx); err != nil {
		return r.stop(ctx, err)
	}
	return r.end()
}

// A run is a method at work in a folder.
type run struct {
	method  Method
	folder  *Folder
	console *Console
	text    *chat.Dialog
	recipe  Recipe
	journal *journal.Journal // of the logs that equal runs write equally
	ticks   *journal.Journal // of ClockFile
	board   *events.File     // of the metrics; nil if nobody wants it

	base       origin // the model that the run began with, wherever it is now; see findBase
	adapter    string // folder of the adapters that it began with
	origin     origin
	saved      int    // step of the newest checkpoint; -1 if there is none
	fresh      bool   // the recipe was measured since its state was saved
	stays      string // the note on what could not be removed
	unfinished bool   // the folder holds what a step had kept
}

// compare refuses to go on with another model or other settings than the run began with.
func (r *run) compare(given string) error {
	f := r.folder
	if !f.Resumes() {
		return nil
	}
	if began := f.saved.Model; f.Checkpoint == "" && given == "" && began.Path != "" {
		return fmt.Errorf("the run in %s has no checkpoint yet and began with --model %s; give it again", f.Dir,
			began.Path)
	}
	if err := f.saved.Model.check(given, f.Checkpoint == ""); err != nil {
		return err
	}
	same := func(began json.RawMessage) error { return settings.Same(began, r.method.Settings()) }
	if c, ok := r.method.(Comparer); ok {
		same = c.Same
	}
	if err := same(f.saved.Config); err != nil {
		return fmt.Errorf("%s: %w", f.source(), err)
	}
	return nil
}

// fit refuses a run for which there is not enough memory, or not enough room on the disk, and returns
// the lines that say what it takes.
func (r *run) fit(ctx context.Context, b kernels.Backend, p model.Precision, o Options) (takes string, err error) {
	shape, err := r.shape()
	if err != nil {
		return "", err
	}
	plan, err := Plan(ctx, r.method, b, shape, p)
	if err != nil {
		return "", err
	}
	available := o.Available()
	m := budget.Machine{Memory: budget.Available(b, available), Disk: DiskFree(r.folder.Dir)}
	if err := r.method.Fit(ctx, b, shape, p, available, r.folder.Checkpoint != ""); err != nil {
		return "", err
	}
	if err := r.room(plan, m.Disk); err != nil {
		return "", err
	}
	m.Times, err = times(plan, b, o)
	return plan.Start(m), err
}

// room refuses a run whose checkpoints the disk cannot hold. One more than is kept is there while it is
// written.
func (r *run) room(plan *budget.Plan, free int64) error {
	var have []string // those that make room for others
	if f := r.folder; f.Checkpoint != "" {
		var err error
		if have, err = train.Whole(f.Dir, f.saved.Step); err != nil {
			return err
		}
	}
	size, keep := plan.Disk.Checkpoint, plan.Disk.Keep
	need := size * int64(max(1, keep+1-len(have)))
	if free == 0 || need <= free {
		return nil
	}
	mend := "free some or choose another --out"
	if n := int(free/size) + len(have) - 1; n >= 1 && n < keep {
		mend += fmt.Sprintf(", or set keep to %d", n)
	}
	return fmt.Errorf("checkpoints of %s each need %s in %s and %s are free: %s",
		budget.Bytes(size), budget.Bytes(need), r.folder.Dir, budget.Bytes(free), mend)
}

// load loads the model, the run's own if it goes on, and makes the recipe, in the state of the
// checkpoint.
func (r *run) load(ctx context.Context, b kernels.Backend, p model.Precision) (w *model.Weights, err error) {
	at := r.folder.Checkpoint
	var optimizer func(*train.Trainer) error
	if at == "" {
		w, r.text, err = r.method.Load(ctx, b, p)
	} else {
		w, optimizer, err = r.resume(ctx, b, p)
	}
	defer func() {
		if err == nil {
			return
		}
		if r.recipe != nil {
			r.recipe.Free()
		}
		if w != nil {
			w.Free()
		}
	}()
	if err != nil {
		return w, err
	}
	recipe, err := r.method.Begin(ctx, Model{Backend: b, Weights: w, Text: r.text, Began: r.fill(ctx, b)})
	if err != nil { // and recipe may be a nil of some type
		return w, r.within(err)
	}
	r.recipe = recipe
	if r.folder.Resumes() {
		if err = r.restore(); err != nil {
			return w, r.within(err)
		}
	}
	if at == "" {
		return w, nil
	}
	recipe.Trainer().Broken = r.folder.broken
	return w, optimizer(r.recipe.Trainer())
}

// within names the file that an error of a run that goes on is about.
func (r *run) within(err error) error {
	if !r.folder.Resumes() {
		return err
	}
	return fmt.Errorf("%s: %w", r.folder.source(), err)
}

// start takes the logs to where the run goes on, or begins it.
func (r *run) start() error {
	f := r.folder
	if _, ok := r.recipe.(Exporter); ok {
		if err := modelInTheWay(f.Dir, f.Resumes() || f.begun); err != nil {
			return err
		}
	}
	if err := r.openBoard(); err != nil {
		return err
	}
	r.saved = -1
	if f.saved == nil {
		return r.begin()
	}
	r.origin = f.saved.Model
	if err := r.relog(f.saved.Log, f.saved.Step); err != nil {
		return err
	}
	if f.Checkpoint == "" {
		if !r.fresh { // else it goes on from its first measurement
			r.console.Note(fmt.Sprintf("%s has no checkpoint yet: starting from the beginning", f.Dir))
		}
		return r.unkeep()
	}
	r.saved, _ = r.recipe.Steps()
	if err := f.checkpointed(f.saved); err != nil { // which a run that was killed right after its first did not note
		return err
	}
	return r.unkeep()
}

// begin writes down what the run is started with. Lines of one that was begun here before and came to
// nothing go.
func (r *run) begin() error {
	f := r.folder
	if err := r.relog(f.left, 0); err != nil {
		return err
	}
	var err error
	if r.origin, err = r.originOf(r.base.Path); err != nil {
		return err
	}
	s, err := r.state()
	if err != nil {
		return err
	}
	if s.Log, err = journal.At(f.Dir, MetricsFile, TranscriptFile, QuestionsFile); err != nil {
		return err
	}
	if err := r.describe(); err != nil {
		return err
	}
	return f.begin(s)
}

// openBoard opens the event file, if one is wanted.
func (r *run) openBoard() (err error) {
	switch done, _ := r.recipe.Steps(); {
	case !r.method.Base().Board:
	case r.folder.saved == nil:
		r.board, err = events.Begin(r.folder.Dir)
	default:
		r.board, err = events.GoOn(r.folder.Dir, done)
	}
	return err
}

// relog takes the logs back to their marks.
func (r *run) relog(marks journal.Marks, step int) error {
	notes, err := r.journal.Restore(marks, step)
	for _, n := range notes {
		r.console.Note(n)
	}
	return err
}

// state returns the run as a checkpoint holds it.
func (r *run) state() (*savedRun, error) {
	config, err := json.Marshal(r.method.Settings())
	if err != nil {
		return nil, err
	}
	marks, err := r.journal.Marks()
	if err != nil {
		return nil, err
	}
	state, err := r.recipe.State()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	done, _ := r.recipe.Steps()
	return &savedRun{Method: r.method.Name(), Step: done, Model: r.origin, Adapter: r.adapter, Config: config,
		Log: marks, State: raw}, nil
}

// save writes a checkpoint. If one of this step is there already, only the run's state in it is written
// anew.
func (r *run) save() error {
	s, err := r.state()
	if err != nil {
		return err
	}
	r.console.phase(fmt.Sprintf("writing the checkpoint of step %d", s.Step))
	t := r.recipe.Trainer()
	t.Base = r.basePath()
	if r.saved == s.Step {
		// The card goes first: a run that is killed in between is measured again, and both are
		// written.
		if err = r.writeCard(filepath.Join(r.folder.Dir, train.Name(s.Step))); err == nil {
			err = t.SaveState(r.folder.Dir, s.Step, s)
		}
	} else {
		err = t.Save(r.folder.Dir, s.Step, r.method.Base().Keep, s, func(dir string) error {
			return errors.Join(r.text.Save(dir), r.writeCard(dir))
		})
	}
	if u := (*train.Untidied)(nil); errors.As(err, &u) {
		r.untidied(u)
		err = nil
	}
	if err != nil {
		return err
	}
	r.saved, r.fresh = s.Step, false
	return r.folder.checkpointed(s)
}

// untidied notes what could not be removed, once: the next save tries it again.
func (r *run) untidied(u *train.Untidied) {
	if note := u.Error(); note != r.stays {
		r.stays = note
		r.console.Note(note)
	}
}

// checkpointed notes in startFile that the run does not begin anew any more if its checkpoints are
// removed.
func (f *Folder) checkpointed(s *savedRun) error {
	if f.noted {
		return nil
	}
	begun := *s
	begun.Step, begun.Log, begun.State = 0, nil, nil
	err := f.begin(&begun)
	f.noted = err == nil
	return err
}
