package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/model/train"
)

// tokens are n arbitrary ids.
func tokens(n, from, vocab int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((from*7919 + i*31) % (vocab - 1))
	}
	return ids
}

// forestOf returns what a step of the problem trains on: sequences, or a prompt with its answers.
func forestOf(p *problem) (f forest.Forest, limits forest.Limits) {
	for i := range p.Sequences {
		f.Add(-1, tokens(p.Length, i, p.Model.Vocab), true)
	}
	if p.Sequences > 0 {
		return f, forest.Limits{Batch: p.Sequences * p.Length}
	}
	f.Add(-1, tokens(p.Prompt, 0, p.Model.Vocab), false)
	for i := range p.Answers {
		f.Add(0, tokens(p.Answer, i+1, p.Model.Vocab), true)
	}
	return f, forest.Limits{Shared: p.Prompt, Batch: p.Answers * p.Answer}
}

// alternate is a loss under which every other segment is good.
func alternate(scored []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
	for i, s := range scored {
		dl[i] = float32(1-2*(s.Segment%2)) / float32(len(scored))
	}
}

var optim = train.Optim{LR: 1e-6, Beta1: .9, Beta2: .99, Eps: 1e-8, ClipNorm: 1}

// A training is a trainer of bf16 weights with a batch.
type training struct {
	*train.Trainer
	batch forest.Forest
}

// newTraining maps weights, whose values are left alone, and a trainer for the problem.
func newTraining(b kernels.Backend, p *problem) (*training, error) {
	w, err := model.NewWeights(b, p.Model.config, model.BF16, model.Training)
	if err != nil {
		return nil, err
	}
	f, limits := forestOf(p)
	t, err := train.New(b, w, optim, limits, model.RecomputeActivations)
	if err != nil {
		w.Free()
		return nil, err
	}
	return &training{t, f}, nil
}

func (t *training) free() {
	t.Free()
	t.Weights.Free()
}

func (t *training) step() error {
	if _, err := t.Accumulate(context.Background(), t.batch, alternate); err != nil {
		return err
	}
	_, err := t.Update(1)
	return err
}

// initialize fills weights at the scale of fresh ones from few random numbers: those of a large model take
// a minute to draw.
func (l *lab) initialize(w *model.Weights) {
	const deviation = 0.2887 // of numbers in [-½, ½)
	for _, p := range w.Params {
		l.fill(p.W)
		switch p.Kind {
		case model.Norm:
			kernels.Upload(l, p.W, slices.Repeat([]float32{1}, p.Cols))
		case model.Embedding:
			l.Scale(p.W, p.W, 0.02/deviation)
		case model.Bias:
			l.Zero(p.W)
		default:
			l.Scale(p.W, p.W, 1/deviation/math.Sqrt(float64(p.Cols)))
		}
		if !p.Master.IsZero() {
			l.Copy(p.Master, p.W)
			l.Zero(p.M)
			l.Zero(p.V)
		}
	}
}

// timeTraining measures a training step or an update, and what it allocates.
func (l *lab) timeTraining(r *result) error {
	l.bytes = 0
	t, err := newTraining(l, &r.problem)
	if err != nil {
		return err
	}
	defer t.free()
	l.initialize(t.Weights)
	var failed error
	r.Seconds = l.seconds(func(int) {
		if err := t.step(); err != nil {
			failed = err
		}
	})
	r.Memory = float64(l.bytes)
	return failed
}

// generator returns weights to generate with and an engine for some answers at a time.
func (l *lab) generator(p *problem) (*model.Weights, *rollout.Engine, error) {
	w, err := model.NewWeights(l, p.Model.config, model.BF16, model.Inference)
	if err != nil {
		return nil, nil, err
	}
	l.initialize(w)
	e, err := l.engine(w, p)
	if err != nil {
		w.Free()
		return nil, nil, err
	}
	return w, e, nil
}

// shortPrompt is how many tokens answers follow where a problem names no prompt.
const shortPrompt = 16

func (l *lab) engine(w *model.Weights, p *problem) (*rollout.Engine, error) {
	const page, pass = kernels.KeyBlock, 4096
	slots := page * (p.Prompt/page + 2 + p.Answers*(p.Answer/page+2))
	return rollout.New(l, w, rollout.Options{Slots: slots, Rows: min(pass, slots)})
}

// generate answers the problem's prompt, and returns the seconds of passes from the second on that sample
// for all answers.
func generate(e *rollout.Engine, p *problem) (results []rollout.Result, perPass float64, err error) {
	var f forest.Forest
	f.Add(-1, tokens(max(p.Prompt, shortPrompt), 0, p.Model.Vocab), false)
	branch := rollout.Branch{N: p.Answers, MaxTokens: p.Answer, Sampling: rollout.Sampling{Temperature: 1, TopP: 1}}
	var first time.Time
	passes := 0
	e.OnProgress = func(_, _, _, sampled int) {
		switch {
		case sampled == 0:
		case first.IsZero():
			first = time.Now()
		default:
			passes++
		}
	}
	results, err = e.Generate(context.Background(), []rollout.Request{{Prompt: f, Branches: []rollout.Branch{branch}}})
	if passes > 0 {
		perPass = time.Since(first).Seconds() / float64(passes)
	}
	return results, perPass, err
}

// timeDecode measures a pass of one token for each answer. Weights and keys have to be read.
func (l *lab) timeDecode(r *result) error {
	w, e, err := l.generator(&r.problem)
	if err != nil {
		return err
	}
	defer func() { e.Free(); w.Free() }()
	for range l.warm() {
		if _, r.Seconds, err = generate(e, &r.problem); err != nil {
			return err
		}
	}
	keys := float64(shortPrompt + r.Answers*r.Answer/2)
	r.Bytes = float64(model.Total(w.Memory())) + keys*float64(4*w.KVHeads*w.HeadDim*w.Layers)
	return nil
}

// compareScores generates and scores: log-probabilities must be equal to the bit.
func (l *lab) compareScores(r *result) error {
	w, e, err := l.generator(&r.problem)
	if err != nil {
		return err
	}
	defer func() { e.Free(); w.Free() }()
	results, _, err := generate(e, &r.problem)
	if err != nil {
		return err
	}
	m, err := rollout.Compare(context.Background(), l, w, results, 4096)
	r.Note = fmt.Sprintf("the largest |Δ log p| is %g over %d tokens", m.Largest, m.Tokens)
	r.Failed = m.Largest != 0
	return err
}

// timeSelfPlay measures what a step of self-play does with a model: a prompt is read and answered, the
// answers are trained on, and the weights updated.
func (l *lab) timeSelfPlay(r *result) error {
	l.bytes = 0
	t, err := newTraining(l, &r.problem)
	if err != nil {
		return err
	}
	defer t.free()
	l.initialize(t.Weights)
	e, err := l.engine(t.Weights, &r.problem)
	if err != nil {
		return err
	}
	defer e.Free()
	for range l.warm() {
		start := time.Now()
		results, _, err := generate(e, &r.problem)
		if err != nil {
			return err
		}
		generated := time.Since(start).Seconds()
		t.batch = results[0].Forest
		if err := t.step(); err != nil {
			return err
		}
		l.wait()
		r.Seconds = time.Since(start).Seconds()
		r.Note = fmt.Sprintf("generation %.3g s of it", generated)
	}
	r.Memory = float64(l.bytes)
	r.Flops = 0 // of training alone
	return nil
}
