// Package rl is self-play for long documents, SPELL (arXiv 2509.23863): one policy asks
// questions about documents, answers them and judges the answers, and learns from all three.
//
// Step, in this file, is the algorithm; the other files are its stages. Everything a step does
// follows from the state after the step before and from the seed, so a step that was cut short is
// simply done again.
package rl

import (
	"context"
	"encoding/json"
	"fmt"

	"spell/kernels"
	"spell/model"
	"spell/model/rollout"
	"spell/model/train"
	"spell/rl/corpus"
	"spell/rl/curriculum"
	"spell/rl/journal"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

// A Judge knows the truth about a corpus, where anyone does: the generated world.
type Judge interface {
	// Right says whether a question's reference answer is true, and known whether the question
	// is about facts of the cluster at all.
	Right(cluster string, task task.Task, q task.Question) (right, known bool)
	// Same says whether two answers mean the same.
	Same(task task.Task, a, b string) bool
}

// A generator samples answers from the policy: a rollout.Engine.
type generator interface {
	Serve(ctx context.Context, begin func() error) error
	Submit(r rollout.Request, done func(rollout.Result) error) error
	Free()
}

// A Run is self-play in progress.
type Run struct {
	Config  Config
	Backend kernels.Backend
	Weights *model.Weights
	Chat    *chat.Dialog
	Prompts *role.Prompts
	Judge   Judge // nil on real documents

	// OnPhase, if set, is told what is being done, how much of it is done, and how many tokens
	// were read and sampled in this phase so far.
	OnPhase func(phase string, done, total, tokens int)

	clusters []cluster
	trainer  *train.Trainer
	engine   generator
	copied   *model.Weights // in int8, what engine generates with; nil where it does with Weights
	memory   *curriculum.Memory
	sampler  *curriculum.Sampler
	open     [numStages]int // requests at work
	unread   int            // documents left out because they do not fit
	docs     string         // fingerprint of the documents
	step     int            // completed steps
	log      journal.Lengths

	saved savedRun // as of the last completed step
}

// New prepares a run over a corpus. The weights were allocated for training; text is the model's
// tokenizer and chat template.
func New(c Config, b kernels.Backend, w *model.Weights, text *chat.Dialog, docs *corpus.Corpus, judge Judge) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := w.CheckMoments(c.Moments); err != nil {
		return nil, err
	}
	r := &Run{Config: c, Backend: b, Weights: w, Judge: judge, log: journal.Lengths{}}
	var err error
	if r.Chat, err = c.dialog(text); err != nil {
		return nil, err
	}
	if r.Prompts, err = role.Load(c.Prompts); err != nil {
		return nil, err
	}
	if r.Prompts.Thinking, err = r.Chat.Thinks(); err != nil {
		return nil, err
	}
	if r.clusters, err = r.fit(docs); err != nil {
		return nil, err
	}
	r.docs = r.fingerprint()
	indices := make([]int, len(r.clusters))
	for i := range indices {
		indices[i] = i
	}
	domains := make([]curriculum.Domain, len(c.Tasks))
	if len(indices) >= len(c.Tasks) {
		domains = curriculum.Split(indices, c.Tasks, c.Seed)
	} else { // too few to part
		for i, t := range c.Tasks {
			domains[i] = curriculum.Domain{Task: t, Clusters: indices, Weight: 1}
		}
	}
	if r.sampler, err = curriculum.NewSampler(c.Seed, domains); err != nil {
		return nil, err
	}
	r.memory = curriculum.NewMemory(c.memory())
	engine, err := r.allocate(w)
	if err != nil {
		return nil, err
	}
	engine.OnProgress = func(done, total, read, sampled int) { r.progress(done, total, read+sampled) }
	r.engine = engine
	if err := r.remember(); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// allocate maps what the run computes with beside its weights, all or nothing. A plan does it on a backend without memory.
func (r *Run) allocate(w *model.Weights) (engine *rollout.Engine, err error) {
	defer func() {
		if err != nil {
			r.Free()
		}
	}()
	c := &r.Config
	if r.trainer, err = train.New(r.Backend, w, c.Optim, c.room(), model.KeepActivations); err != nil {
		return nil, err
	}
	if c.Int8 {
		if r.copied, err = w.Int8(r.Backend); err != nil {
			return nil, err
		}
		w = r.copied
	}
	return rollout.New(r.Backend, w, rollout.Options{Slots: c.CacheTokens, Rows: min(c.PassTokens, 1024), Stop: w.EOS, Seed: c.Seed})
}

// Free unmaps the run's memory; weights and backend stay.
func (r *Run) Free() {
	if r.engine != nil {
		r.engine.Free()
	}
	if r.trainer != nil {
		r.trainer.Free()
	}
	if r.copied != nil {
		r.copied.Free()
	}
}

// Steps is the number of completed steps.
func (r *Run) Steps() int { return r.step }

// Step is one step of self-play: rounds of asking, answering and judging until enough questions
// are neither trivial nor hopeless, then one update of the one policy on all three roles. It
// returns what happened and the step's lines of transcript. On error, cancellation included,
// nothing has changed.
func (r *Run) Step(ctx context.Context) (*Report, []Record, error) {
	b := &batch{}
	for round := 0; round < r.Config.MaxRounds && b.good() < r.Config.Questions; round++ {
		items := r.draw(b, round)
		if err := r.play(ctx, items); err != nil { // asked, grounded, answered, judged
			return nil, nil, r.undo(err)
		}
		for _, it := range items {
			r.reward(it)
			r.admit(it)
		}
		b.items = append(b.items, items...)
	}
	groups, version := r.choose(b), r.trainer.Steps
	if err := ctx.Err(); err != nil {
		return nil, nil, r.undo(err)
	}
	update, err := r.update(groups)
	if err != nil {
		return nil, nil, r.undo(err)
	}
	r.step++
	report, records := r.report(b, update), r.transcribe(b, version)
	return report, records, r.remember()
}

// A savedRun is the state of a run between steps, beside weights and optimizer.
type savedRun struct {
	Step    int             `json:"step"`
	Config  Config          `json:"config"`
	Docs    string          `json:"documents"` // their fingerprint
	Memory  json.RawMessage `json:"memory"`
	Sampler json.RawMessage `json:"sampler"`
	Log     journal.Lengths `json:"log"`
}

// remember takes down the state after a completed step.
func (r *Run) remember() error {
	m, err := json.Marshal(r.memory)
	if err != nil {
		return err
	}
	s, err := json.Marshal(r.sampler)
	if err != nil {
		return err
	}
	r.saved = savedRun{Step: r.step, Config: r.Config, Docs: r.docs, Memory: m, Sampler: s}
	return nil
}

// undo puts memory and sampler back to the last completed step and returns err.
func (r *Run) undo(err error) error {
	if e := r.restore(r.saved); e != nil {
		return fmt.Errorf("%w (and going back to the last step failed: %w)", err, e)
	}
	return err
}

func (r *Run) restore(s savedRun) error {
	if s.Docs != r.docs {
		return fmt.Errorf("the documents are not those the run began with; resume with the same folder, unchanged")
	}
	counts := make([]int, len(r.clusters))
	for i, c := range r.clusters {
		counts[i] = len(c.docs)
	}
	if err := r.memory.Restore(s.Memory, counts); err != nil {
		return err
	}
	if err := r.sampler.Restore(s.Sampler); err != nil {
		return err
	}
	r.step, r.saved = s.Step, s
	return nil
}
