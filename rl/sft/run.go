package sft

import (
	"context"
	"fmt"
	"math"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/journal"
	"spell/rl/settings"
	"spell/tokenizer/chat"
)

// MetricsFile grows by a Report an update and a Measurement every now and then.
const MetricsFile = "metrics.jsonl"

// A Run is fine-tuning in progress.
type Run struct {
	Config  Config
	Backend kernels.Backend
	Weights *model.Weights
	Chat    *chat.Dialog

	// OnPhase, if set, is told what is being done, how much of it is done, and how many tokens
	// went through the model in this phase so far.
	OnPhase func(phase string, done, total, tokens int)

	data    *data
	plan    []batch
	trainer *train.Trainer
	state   state
}

// state is where a run is, beside weights and optimizer.
type state struct {
	Step     int             `json:"step"`
	Config   Config          `json:"config"`
	Data     string          `json:"data"`     // what the file's bytes hash to
	Measured []Measurement   `json:"measured"` // the first and the last
	Log      journal.Lengths `json:"log"`
}

// A Report is what one update did.
type Report struct {
	Step     int     `json:"step"`
	Epoch    int     `json:"epoch"`
	Loss     float64 `json:"loss"`   // mean over the learned tokens before the update, nats
	Lines    int     `json:"lines"`  // answers of the batch, or conversations
	Tokens   int     `json:"tokens"` // that went through the model
	Learned  int     `json:"learned"`
	LR       float64 `json:"lr"`
	GradNorm float64 `json:"grad_norm"` // before clipping
}

func (r Report) String() string {
	return fmt.Sprintf("epoch %d  loss %.4f  grad %.2f  lr %.2g", r.Epoch, r.Loss, r.GradNorm, r.LR)
}

// A Measurement is the loss on the lines that are held out.
type Measurement struct {
	Step   int     `json:"step"`
	Loss   float64 `json:"held_out_loss"` // mean over their answers' tokens, nats
	Tokens int     `json:"tokens"`        // of the mean
}

// New prepares a run over a file. The weights were allocated for training; text is the model's tokenizer and chat
// template.
func New(c Config, b kernels.Backend, w *model.Weights, text *chat.Dialog, f *File) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := w.CheckMoments(c.Moments); err != nil {
		return nil, err
	}
	r := &Run{Config: c, Backend: b, Weights: w, Chat: text, state: state{Config: c, Data: f.sum, Log: journal.Lengths{}}}
	e, err := newEncoder(c, text, w.EOS)
	if err != nil {
		return nil, err
	}
	if r.data, err = prepare(c, f, e, w.Vocab, w.Context); err != nil {
		return nil, err
	}
	r.plan = plan(c, r.data.train)
	r.trainer, err = train.New(b, w, c.Optim, c.room(), model.KeepActivations)
	return r, err
}

// Resume goes on from the newest checkpoint in dir, over the same file and with the same configuration.
func Resume(dir string, c Config, b kernels.Backend, p model.Precision, f *File) (*Run, error) {
	at, err := train.Newest(dir)
	if err != nil {
		return nil, err
	}
	var s state
	w, restore, err := train.Resume(b, at, p, &s)
	if err != nil {
		return nil, err
	}
	if err := settings.Same(s.Config, c); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if s.Data != f.sum {
		return nil, fmt.Errorf("%s: %s is not the file the run began with; resume with the same file, unchanged", at, f.Path)
	}
	text, err := chat.Open(at)
	if err != nil {
		return nil, err
	}
	r, err := New(c, b, w, text, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if s.Step < 0 || s.Step > len(r.plan) {
		return nil, fmt.Errorf("%s is after %d updates of %d; resume from an earlier checkpoint", at, s.Step, len(r.plan))
	}
	if err := restore(r.trainer); err != nil {
		return nil, err
	}
	log := r.state.Log
	r.state = s
	r.state.Log = log
	return r, log.Restore(dir, s.Log)
}

// Free unmaps the run's memory; weights and backend stay.
func (r *Run) Free() { r.trainer.Free() }

// Steps is the number of updates so far.
func (r *Run) Steps() int { return r.state.Step }

// Total is the number of updates of the whole run.
func (r *Run) Total() int { return len(r.plan) }

// Done says whether all updates are made.
func (r *Run) Done() bool { return r.state.Step >= len(r.plan) }

// Summary says in a line what the file has to teach.
func (r *Run) Summary() string {
	lines, tokens, learned := count(r.data.train)
	held, _, measured := count(r.data.heldOut)
	s := fmt.Sprintf("%d lines, %d prompts; %d lines to learn, %d tokens of which %d are scored (answers and their ends)", lines+held, r.data.prompts, lines, tokens, learned)
	if held > 0 {
		s += fmt.Sprintf("; %d lines held out, %d scored tokens", held, measured)
	}
	if n := len(r.data.skipped); n > 0 {
		s += fmt.Sprintf("; %d lines too long and left out, the first is line %d", n, r.data.skipped[0])
	}
	if r.data.cut > 0 {
		s += fmt.Sprintf("; %d too long and cut", r.data.cut)
	}
	return s
}

// mean is the loss of n tokens: the mean of their negative log-likelihoods. It adds what it sees to sum.
func mean(n int, sum *float64) model.Loss {
	return func(_ []forest.ScoredToken, stats []model.Stat, dLogProb, _ []float32) {
		for i := range stats {
			dLogProb[i] = float32(-1 / float64(n))
			*sum -= float64(stats[i].LogProb)
		}
	}
}

// slower is what to do where the learning rate is too high.
const slower = "a run keeps the learning rate it began with, so begin another with a lower one and another --out, from the model or from a good checkpoint: --model OUT/step-N"

// Step makes one update. On error, cancellation included, nothing has changed.
func (r *Run) Step(ctx context.Context) (Report, error) {
	b := r.plan[r.state.Step]
	units := make([]unit, len(b.units))
	for i, u := range b.units {
		units[i] = r.data.train[u]
	}
	schedule := r.Config.schedule(r.state.Step, len(r.plan))
	rep := Report{Step: r.state.Step + 1, Epoch: b.epoch, LR: r.Config.Optim.LR * schedule}
	rep.Lines, rep.Tokens, rep.Learned = count(units)
	var sum float64
	loss := mean(rep.Learned, &sum)
	err := r.passes(ctx, "learning", units, func(f forest.Forest) error {
		_, err := r.trainer.Accumulate(ctx, f, loss)
		return err
	})
	if err != nil {
		r.trainer.ZeroGrad()
		return rep, err
	}
	if rep.GradNorm, err = r.trainer.Update(schedule); err != nil {
		return rep, fmt.Errorf("%w: %s", err, slower)
	}
	rep.Loss = sum / float64(rep.Learned)
	r.state.Step++
	return rep, nil
}

// passes calls do with the units, as many at a time as go through the model together.
func (r *Run) passes(ctx context.Context, phase string, units []unit, do func(forest.Forest) error) error {
	trees := make([]forest.Forest, len(units))
	for i, u := range units {
		trees[i] = u.forest
	}
	_, total, _ := count(units)
	done := 0
	for _, pack := range train.Pack(trees, r.Config.room()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(pack); err != nil {
			return err
		}
		done += pack.Tokens()
		if r.OnPhase != nil {
			r.OnPhase(phase, done, total, done)
		}
	}
	return nil
}

// Due says whether the held-out loss is to be measured before the next update.
func (r *Run) Due() bool {
	n := len(r.state.Measured)
	return len(r.data.heldOut) > 0 && (n == 0 || r.state.Measured[n-1].Step < r.state.Step) &&
		(r.Done() || r.state.Step%r.Config.Measure == 0)
}

// Measure takes the loss of the lines that are held out.
func (r *Run) Measure(ctx context.Context) (Measurement, error) {
	m := Measurement{Step: r.state.Step}
	_, _, m.Tokens = count(r.data.heldOut)
	err := r.passes(ctx, "measuring", r.data.heldOut, func(f forest.Forest) error {
		stats, err := r.trainer.Decoder.Score(ctx, f)
		for _, s := range stats {
			m.Loss -= float64(s.LogProb) / float64(m.Tokens)
		}
		return err
	})
	if err == nil && (math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0)) {
		err = fmt.Errorf("the held-out loss is %g after %d updates: the weights overflow; %s", m.Loss, m.Step, slower)
	}
	if err != nil {
		return m, err
	}
	r.state.Measured = append(r.state.Measured[:min(1, len(r.state.Measured))], m)
	return m, nil
}

// Measured is the first and the last measurement; none without lines that are held out.
func (r *Run) Measured() []Measurement { return r.state.Measured }

// Log appends a Report or a Measurement to the metrics in dir.
func (r *Run) Log(dir string, line any) error { return r.state.Log.Append(dir, MetricsFile, line) }

// Save writes the state as a checkpoint in dir.
func (r *Run) Save(dir string) error {
	return r.trainer.Save(dir, r.state.Step, r.Config.Keep, r.state, r.Chat.Save)
}
