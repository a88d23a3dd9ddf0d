package sft

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/learn"
	"spell/rl/plural"
	"spell/rl/runner"
)

// A Run is fine-tuning in progress. It is a runner.Recipe.
type Run struct {
	Config Config
	Model  runner.Model

	begun   context.Context // ends what prepares the run; Restore may do so, too
	file    *File
	encoder *encoder
	data    *data
	plan    []batch
	trainer *train.Trainer
	state   state
}

// A state is where a run is, beside weights and optimizer.
type state struct {
	Step     int           `json:"step"`
	Data     string        `json:"data"` // what the file's bytes hash to
	Sizes    sizes         `json:"sizes"`
	Measured []Measurement `json:"measured"` // the first and the last
	Trend    learn.Trend   `json:"trend"`    // of the loss before each update
}

// A Report is what one update did, a line of metrics.jsonl.
type Report struct {
	Step     int     `json:"step" doc:"the update, from 1"`
	Epoch    int     `json:"epoch" doc:"pass over the data, from 1"`
	Loss     float64 `json:"loss" doc:"mean over the learned tokens before the update, nats"`
	Lines    int     `json:"lines" doc:"answers of the batch, or conversations"`
	Tokens   int     `json:"tokens" doc:"tokens that went through the model"`
	Learned  int     `json:"learned" doc:"tokens that were learned: the answers with their ends"`
	LR       float64 `json:"lr" doc:"learning rate"`
	GradNorm float64 `json:"grad_norm" doc:"of the gradient before clipping"`

	Experts *model.ExpertLoad `json:"experts,omitempty" doc:"of a mixture of experts"`

	total int // updates of the run
}

func (r *Report) String() string {
	line := fmt.Sprintf("%d/%d  epoch %d  loss %.4f  grad %.2f  lr %.2g", r.Step, r.total, r.Epoch, r.Loss, r.GradNorm,
		r.LR)
	if r.Experts != nil {
		line += fmt.Sprintf("  %v", r.Experts)
	}
	return line
}

// A Measurement is the loss on the lines that are held out, a line of metrics.jsonl.
type Measurement struct {
	Step   int     `json:"step" doc:"updates before it"`
	Loss   float64 `json:"held_out_loss" doc:"mean over the tokens of their answers, nats"`
	Tokens int     `json:"tokens" doc:"tokens of the mean"`

	total int
}

func (m *Measurement) String() string {
	return fmt.Sprintf("%d/%d  held-out loss %.4f over %s", m.Step, m.total, m.Loss,
		plural.Of(m.Tokens, "token"))
}

// New prepares a run over a file on a model. On error nothing stays mapped.
func New(ctx context.Context, c Config, m runner.Model, f *File) (*Run, error) {
	s := sizesOf(&c, m.Weights.Context)
	return open(ctx, c, m, f, &s)
}

// open prepares a run of such sizes, or with nil one that Restore tells them.
func open(ctx context.Context, c Config, m runner.Model, f *File, s *sizes) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := m.Weights
	if err := w.CheckMoments(c.Moments); err != nil {
		return nil, err
	}
	r := &Run{Config: c, Model: m, begun: ctx, file: f, state: state{Data: f.sum}}
	var err error
	if r.encoder, err = newEncoder(c, m.Text, w.EOS); err != nil {
		return nil, err
	}
	if s != nil {
		if err := r.prepare(*s); err != nil {
			return nil, err
		}
	}
	r.trainer, err = train.New(m.Backend, w, c.Optim, c.limits(), c.Activations())
	return r, err
}

// prepare encodes the file into units of such sizes and lists the updates.
func (r *Run) prepare(s sizes) (err error) {
	w := r.Model.Weights
	if r.data, err = prepare(r.begun, r.Config, r.file, r.encoder, w.Vocab, w.Context, s); err != nil {
		return err
	}
	r.state.Sizes = s
	r.plan, err = plan(r.begun, r.Config, r.data.train)
	return err
}

// Steps returns how many updates are made, and how many the run has.
func (r *Run) Steps() (done, total int) { return r.state.Step, len(r.plan) }

// Trainer returns what holds weights and moments.
func (r *Run) Trainer() *train.Trainer { return r.trainer }

// Free unmaps the run's memory; weights and backend stay.
func (r *Run) Free() { r.trainer.Free() }

// State returns what Restore needs.
func (r *Run) State() (any, error) { return r.state, nil }

// Restore takes over the state of a checkpoint of a run over the same file.
func (r *Run) Restore(raw json.RawMessage) error {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if s.Data != r.file.sum {
		return fmt.Errorf("%s is not the file the run began with; resume with the same file, unchanged", r.file.Path)
	}
	if r.data == nil || s.Sizes != r.state.Sizes {
		if err := r.prepare(s.Sizes); err != nil {
			return err
		}
		if n := r.data.largest(); n > r.Config.PassTokens {
			return fmt.Errorf("pass_tokens is %d, and lines that go through the model together have up to %d tokens "+
				"in this run; set it to that at least", r.Config.PassTokens, n)
		}
	}
	shortened := len(r.plan) == r.Config.Steps // by --steps, which may be fewer than are done
	if s.Step < 0 || s.Step > maxUpdates || s.Step > len(r.plan) && !shortened {
		return fmt.Errorf("it is after %d updates of %d; resume from an earlier checkpoint", s.Step, len(r.plan))
	}
	r.state = s
	return nil
}

// Summary describes what the file has to teach.
func (r *Run) Summary() string {
	return fmt.Sprintf("%s\n%s", plural.Of(len(r.plan), "update"), r.data.summary(r.file, r.Config.HeldOut))
}

// summary describes what a file has to teach, of whose lines a share was to be held out.
func (d *data) summary(f *File, share float64) string {
	lines, tokens, learned := count(d.train)
	held, _, measured := count(d.heldOut)
	are := "are"
	if learned == 1 {
		are = "is"
	}
	s := fmt.Sprintf("%s: %s, %s; %s to learn, %s of which %d %s scored (answers and "+
		"their ends)", f.Path,
		plural.Of(lines+held, "line"), plural.Of(d.prompts, "prompt"), plural.Of(lines, "line"),
		plural.Of(tokens, "token"), learned, are)
	if held > 0 {
		s += fmt.Sprintf("; %s held out, %s", plural.Of(held, "line"), plural.Of(measured, "scored token"))
	} else if share > 0 {
		s += "; too few to hold any out"
	}
	if n := len(d.skipped); n > 0 {
		s += fmt.Sprintf("; %s too long and left out, the first is %s %d", plural.Of(n, "line"), f.Unit, d.skipped[0])
	}
	if d.cut > 0 {
		s += fmt.Sprintf("; %d too long and cut", d.cut)
	}
	return s
}

// mean returns the loss of n tokens: the mean of their negative log-likelihoods. It adds what it sees to
// sum.
func mean(n int, sum *float64) model.Loss {
	return func(_ []forest.ScoredToken, stats []model.Stat, dLogProb, _ []float32) {
		for i := range stats {
			dLogProb[i] = float32(-1 / float64(n))
			*sum -= float64(stats[i].LogProb)
		}
	}
}

// updater returns what makes updates and measurements, shown as doing.
func (r *Run) updater(doing string, show runner.Show) *learn.Updater {
	return &learn.Updater{Trainer: r.trainer, Limits: r.Config.limits(), OnProgress: show.Passes(doing)}
}

// Step makes one update. On error, cancellation included, nothing has changed.
func (r *Run) Step(ctx context.Context, show runner.Show) (*runner.Report, error) {
	b := r.plan[r.state.Step]
	units := make([]unit, len(b.units))
	for i, u := range b.units {
		units[i] = r.data.train[u]
	}
	schedule := r.Config.schedule(len(r.plan)).Factor(r.state.Step)
	rep := &Report{Step: r.state.Step + 1, Epoch: b.epoch, LR: r.Config.Optim.LR * schedule, total: len(r.plan)}
	rep.Lines, rep.Tokens, rep.Learned = count(units)
	var sum float64
	trees := make([]learn.Tree, len(units))
	for i, u := range units {
		trees[i] = learn.Tree{Forest: u.forest, Loss: mean(rep.Learned, &sum)}
	}
	var err error
	if rep.GradNorm, err = r.updater("learning", show).Update(ctx, trees, schedule); err != nil {
		return nil, err
	}
	rep.Loss, rep.Experts = sum/float64(rep.Learned), r.trainer.Experts
	r.state.Trend.Add(rep.Loss)
	r.state.Step++
	return &runner.Report{Metrics: rep, Tokens: rep.Tokens}, nil
}

// Due reports whether the held-out loss is to be measured before the next update.
func (r *Run) Due() bool {
	done, total := r.Steps()
	n := len(r.state.Measured)
	return len(r.data.heldOut) > 0 && (n == 0 || r.state.Measured[n-1].Step < done) &&
		(done == total || done%r.Config.Measure == 0)
}

// Measure takes the loss of the lines that are held out.
func (r *Run) Measure(ctx context.Context, show runner.Show) (*runner.Report, error) {
	m := &Measurement{Step: r.state.Step, total: len(r.plan)}
	_, tokens, scored := count(r.data.heldOut)
	m.Tokens = scored
	forests := make([]forest.Forest, len(r.data.heldOut))
	for i, u := range r.data.heldOut {
		forests[i] = u.forest
	}
	stats, err := r.updater("measuring", show).Score(ctx, forests)
	if err != nil {
		return nil, err
	}
	for _, s := range stats {
		m.Loss -= float64(s.LogProb) / float64(m.Tokens)
	}
	if math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0) {
		return nil, fmt.Errorf("the held-out loss is %g after %s: the weights overflow; %s", m.Loss,
			plural.Of(m.Step, "update"), learn.Slower)
	}
	r.state.Measured = append(r.state.Measured[:min(1, len(r.state.Measured))], *m)
	return &runner.Report{Metrics: m, Tokens: tokens, Always: true}, nil
}

// Measured returns the first and the last measurement; none without lines that are held out.
func (r *Run) Measured() []Measurement { return r.state.Measured }

// Verdict says what the held-out loss became, and fails a run that raised it. If no lines are held out,
// it is the loss on those that were learned.
func (r *Run) Verdict() (lines []string, failed bool) {
	if len(r.state.Measured) < 2 {
		return r.learned()
	}
	before, after := r.state.Measured[0].Loss, r.state.Measured[1].Loss
	lines = append(lines, fmt.Sprintf("held-out loss, before → after: %.4f → %.4f (perplexity %.4g → %.4g)", before,
		after, math.Exp(before), math.Exp(after)))
	if after > before {
		return append(lines, "the held-out loss rose: the model became worse on lines it did not learn; lower the "+
			"learning rate, or give more lines or fewer epochs"), true
	}
	return lines, false
}

// learned is the verdict on a run that holds no lines out.
func (r *Run) learned() (lines []string, failed bool) {
	if r.state.Trend.N < 2 {
		return nil, false
	}
	first, last, rose := r.state.Trend.Rose(math.Log(float64(r.Model.Weights.Vocab)))
	if !rose {
		return nil, false
	}
	return []string{fmt.Sprintf("the loss rose from %.4g in the first updates to %.4g in the last: the model became "+
		"worse on the lines it learned; %s", first, last, learn.Slower)}, true
}
