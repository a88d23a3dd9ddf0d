// Package runner owns what every training run has, so that a recipe holds its method alone.
//
// A run lives in a folder: checkpoints, logs that grow by lines, and the settings it was started with.
// The folder is locked while a process works in it. Settings are laid over those of the run that goes
// on, and whatever would change its results is refused. Documents are read, memory and disk are found
// to be enough, and then the recipe makes steps, measures itself when it wants to, and is saved. A
// signal stops a run within a second or so, and the same command with --resume goes on to the bytes
// of a run that was left alone; so does a run that was killed. That holds for the newest checkpoint and
// for the logs. Older checkpoints may be of other steps, since a run that stops is saved where it is,
// and what depends on the clock is written to a log of its own.
//
// A Method is a way to train as the command line knows it, before there is a model; Begin makes the
// Recipe of it. To add one is to write these two; nothing here knows their names.
package runner

import (
	"context"
	"encoding/json"
	"io"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/budget"
	"spell/tokenizer/chat"
)

// A Method is a way to train, its settings and what it reads.
type Method interface {
	// Name returns the name of the command, such as "sft". Checkpoints hold it.
	Name() string
	// Settings returns a pointer to the configuration, whose JSON checkpoints hold.
	Settings() any
	// Base returns the part of the settings that every run has.
	Base() *Base
	// About returns what the card of a model that the method made tells of it.
	About() About
	// Read reads what the run learns from, before any model is there. checkpoint is the one the run
	// goes on from, empty if it begins.
	Read(ctx context.Context, checkpoint string, c *Console) error
	// Shape returns the configuration of the model that a fresh run begins with.
	Shape() (model.Config, error)
	// Plan returns what the run takes on b, with memory for a model of that configuration. Disk is
	// filled in by the caller, but for logs.
	Plan(ctx context.Context, b kernels.Backend, m model.Config, p model.Precision) (*budget.Plan, error)
	// Fit returns an error, naming settings that would do, if the run takes more than the available
	// bytes of the host's memory, or more than a device of b has. resuming tells that only some settings
	// may still change. 0 bytes are a machine that does not tell, on which everything fits.
	Fit(ctx context.Context, b kernels.Backend, m model.Config, p model.Precision, available int64, resuming bool) error
	// Load returns the weights and the text side of the model that a fresh run begins with.
	Load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error)
	// Begin returns the recipe on a model, at its first step, to which Restore may follow. The
	// weights are then those of the checkpoint, not those the run began with. On error nothing stays
	// mapped, and the recipe is not looked at.
	Begin(ctx context.Context, m Model) (Recipe, error)
}

// A Comparer is a method that allows a run other changes, when it goes on, than of settings tagged as
// free.
type Comparer interface {
	// Same returns an error if a run that began with those settings cannot go on with the present ones.
	Same(began json.RawMessage) error
}

// A Replacing method lacks settings of other methods that people ask it for.
type Replacing interface {
	// Instead says what serves here in place of a setting of that name; empty if nothing is known.
	Instead(name string) string
}

// A Model is what a recipe trains.
type Model struct {
	Backend kernels.Backend
	Weights *model.Weights // allocated for training
	Text    *chat.Dialog

	// Began fills weights of the same types, mapped for inference, with those that the run began with,
	// which the checkpoint of a run that goes on has no more.
	Began func(w *model.Weights) error
}

// A Recipe is training at work: it makes steps and knows its state.
type Recipe interface {
	// Steps returns how many steps are done and how many the run has.
	Steps() (done, total int)
	// Step makes the next one. On error, cancellation included, nothing has changed.
	Step(ctx context.Context, show Show) (*Report, error)
	// State returns all that Restore needs beside weights and optimizer, to be written as JSON.
	State() (any, error)
	// Restore takes over the state of a checkpoint. The recipe checks that its data is that of the
	// run.
	Restore(state json.RawMessage) error
	// Trainer returns what holds weights and moments.
	Trainer() *train.Trainer
	// Summary describes in a line or more what the run has to work with.
	Summary() string
	// Verdict returns the sentences a run ends with, and whether it failed its purpose: nothing was
	// trained, or the model got worse. Of a run that failed, the last says why.
	Verdict() (lines []string, failed bool)
	// Free unmaps what the recipe allocated; weights and backend stay.
	Free()
}

// A Measurer is a recipe that measures itself between steps.
type Measurer interface {
	// Due reports whether a measurement is wanted before the next step, or after the last.
	Due() bool
	// Measure makes it and takes it into the recipe's state.
	Measure(ctx context.Context, show Show) (*Report, error)
}

// A Keeper is a recipe whose steps are long: a step that is cut short keeps what it has sampled.
type Keeper interface {
	// Unfinished returns what the step at work has kept, also if that is nothing.
	Unfinished() Unfinished
}

// An Exporter is a recipe that leaves a model beside its checkpoints when it has ended.
type Exporter interface {
	// Export writes it into the run's folder and returns its path.
	Export(dir string) (path string, err error)
}

// A Report is what one step or measurement did.
type Report struct {
	Metrics    Line  // a line of metrics.jsonl
	Transcript []any // lines of transcript.jsonl
	Questions  []any // lines of questions.jsonl
	Tokens     int   // that went through the model
	Always     bool  // shown even if a line was shown a moment ago
}

// A Line is written as JSON to a log and shown as text.
type Line interface{ String() string }

// Show tells how far the step at work is: what it does, the share of the step that is done, from 0 to
// 1, and how many tokens went through the model in it.
type Show func(doing string, share float64, tokens int)

// Passes returns what shows how many of all tokens went through the model in a step that does one
// thing; nil if nothing is shown.
func (s Show) Passes(doing string) func(done, total int) {
	if s == nil {
		return nil
	}
	return func(done, total int) { s(doing, float64(done)/float64(total), done) }
}

// Base is the part of the settings that every run has. Fields with a resume tag of "free" bound memory
// or disk and may change when a run goes on; no other may.
type Base struct {
	Seed uint64 `json:"seed" group:"the run" doc:"of everything random in the run"`

	Optim   train.Optim   `json:"optim" group:"optimizer"`
	Moments model.Moments `json:"moments" doc:"how the optimizer keeps its two moments: f32, 8 bytes per parameter, bf16, 4, or int8, 2"`
	Offload bool          `json:"offload_optimizer" resume:"free" aka:"offload_optimizer_device cpu_offload" doc:"on a GPU, keep moments and, beside bf16, master weights in the host's memory and stream them through in each update: the same bits"`

	Checkpoint int  `json:"checkpoint" group:"memory and disk" resume:"free" min:"1" max:"1073741824" doc:"steps between checkpoints"`
	Keep       int  `json:"keep" resume:"free" min:"1" max:"1073741824" doc:"checkpoints kept"`
	Board      bool `json:"tensorboard" resume:"free" aka:"report_to" doc:"write metrics as TensorBoard reads them, too: tensorboard --logdir OUT"`
	PassTokens int  `json:"pass_tokens" resume:"free" min:"16" max:"1073741824" doc:"tokens that go through the model together in training; bounds memory. Another value sums in another order, which moves last bits"`
	Recompute  bool `json:"recompute" resume:"free" doc:"compute activations again on the way back instead of keeping them: a third more time, less memory, the same bits"`
}

// Activations returns what a trainer does with activations between the way forward and back.
func (b *Base) Activations() model.Activations {
	if b.Recompute {
		return model.RecomputeActivations
	}
	return model.KeepActivations
}

// Room returns the settings that bound the memory of training.
func (b *Base) Room() budget.Room {
	return budget.Room{PassTokens: &b.PassTokens, Recompute: &b.Recompute, Offload: &b.Offload, Moments: &b.Moments}
}

// Kept returns p with what the optimizer keeps as the settings say.
func (b *Base) Kept(p model.Precision) model.Precision {
	p.Moments, p.Offload = b.Moments, b.Offload
	return p
}

// A Describer is a method that can tell what it has read before a model is loaded.
type Describer interface {
	// Describe writes what will be read, file by file, and how it is divided for a model of that
	// configuration.
	Describe(ctx context.Context, w io.Writer, m model.Config) error
}
