package main

import (
	"context"
	"math/rand/v2"
	"time"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
)

// An engine is ours with a model and, beside it, the same on paper: what runs on both is measured
// by the one and counted by the other.
type engine struct {
	cpu   *cpu.Backend
	tally *tally.Backend
	on    [2]side // the processor and the paper
	close []func()
}

// A side is a backend with what generates and scores there.
type side struct {
	generate *rollout.Engine
	score    *model.Decoder
}

// passRows is the prompt tokens of a pass: that many as the products
// and the attention of a pass need to run at their rates.
const passRows = 1024

// newEngine has room for the measures and has packed its weights.
func newEngine(w *model.Weights, list []measure, threads int) (*engine, error) {
	k, err := cpu.New(cpu.Options{Workers: threads})
	if err != nil {
		return nil, err
	}
	// The tally counts bytes alone, at 1 GB/s: its seconds are 10⁹ bytes
	// that products and attention read.
	e := &engine{cpu: k, tally: tally.New(tally.Rates{Read: 1}), close: []func(){func() { k.Close() }}}
	paper, err := model.NewWeights(e.tally, w.Config, w.Precision, model.Inference)
	if err != nil {
		e.free()
		return nil, err
	}
	slots, scored := 0, 0
	for _, m := range list {
		slots, scored = max(slots, m.slots), max(scored, m.scored)
	}
	for i, b := range []kernels.Backend{k, e.tally} {
		if err := e.start(&e.on[i], b, []*model.Weights{w, paper}[i], slots, scored); err != nil {
			e.free()
			return nil, err
		}
	}
	return e, e.warm(w.Vocab)
}

// start maps what a side needs of room.
func (e *engine) start(s *side, b kernels.Backend, w *model.Weights, slots, scored int) (err error) {
	if slots > 0 {
		if s.generate, err = rollout.New(b, w, rollout.Options{Slots: slots, Rows: passRows}); err != nil {
			return err
		}
		e.close = append(e.close, s.generate.Free)
	}
	if scored > 0 {
		if s.score, err = model.NewScorer(b, w, forest.Limits{Batch: scored}); err != nil {
			return err
		}
		e.close = append(e.close, func() { s.score.Free() })
	}
	return nil
}

// warm packs the weights.
func (e *engine) warm(vocab int) (err error) {
	for range 2 { // few rows take packs from the second time on
		if s := e.on[0]; s.generate != nil {
			_, _, err = e.answer(s, tokens(1, vocab), 2)
		} else {
			_, _, err = e.read(s, tokens(2, vocab))
		}
	}
	return err
}

func (e *engine) free() {
	for i := len(e.close) - 1; i >= 0; i-- {
		e.close[i]()
	}
}

// newWeights maps weights on a backend of their own, which all engines may share, and fills them
// with the numbers of a model file.
func newWeights(c model.Config, p model.Precision) (w *model.Weights, free func(), err error) {
	k, err := cpu.New(cpu.Options{})
	if err != nil {
		return nil, nil, err
	}
	if w, err = model.NewWeights(k, c, p, model.Inference); err != nil {
		k.Close()
		return nil, nil, err
	}
	for _, q := range w.Params {
		period, all := values(q.Shape), make([]float32, q.Rows*q.Cols)
		for i := 0; i < len(all); i += len(period) {
			copy(all[i:], period)
		}
		model.Set(k, q, all)
	}
	return w, func() { w.Free(); k.Close() }, nil
}

// A pass is what was done when one trip through the decoder ended.
type pass struct {
	sampled int     // tokens drawn before it
	seconds float64 // since the call began
	work    tally.Work
}

// tokens are n arbitrary ids.
func tokens(n, vocab int) []int32 {
	r := rand.New(rand.NewPCG(uint64(n), uint64(vocab)))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = r.Int32N(int32(vocab))
	}
	return ids
}

// answer generates answers of the given lengths to one prompt,
// greedily, and says after every pass how far it is.
func (e *engine) answer(s side, prompt []int32, lengths ...int) ([]pass, []span, error) {
	var f forest.Forest
	f.Add(-1, prompt, false)
	r := rollout.Request{Prompt: f}
	for _, n := range lengths {
		r.Branches = append(r.Branches, rollout.Branch{N: 1, MaxTokens: n, Sampling: rollout.Sampling{TopP: 1}})
	}
	var passes []pass
	start, before := time.Now(), e.tally.Work
	s.generate.OnProgress = func(_, _, _, sampled int) {
		passes = append(passes, pass{sampled, time.Since(start).Seconds(), e.tally.Work.Add(before, -1)})
	}
	_, err := s.generate.Generate(context.Background(), []rollout.Request{r})
	return passes, phases(passes, len(prompt)), err
}

// read scores a document.
func (e *engine) read(s side, document []int32) ([]pass, []span, error) {
	start, before := time.Now(), e.tally.Work
	var f forest.Forest
	f.Add(-1, document, true)
	_, err := s.score.Score(context.Background(), f)
	reading := pass{seconds: time.Since(start).Seconds(), work: e.tally.Work.Add(before, -1)}
	return []pass{reading}, []span{{-1, 0, len(document)}}, err
}

// A span is the part of a call that a figure is about: the passes
// after the one that begins it, tokens of them.
type span struct{ from, to, tokens int }

// phases cuts the passes of an answer into spans: reading the prompt of n tokens, and then runs of
// passes in which as many answers are alive.
func phases(passes []pass, n int) []span {
	read := 0
	for read+1 < len(passes) && passes[read+1].sampled == 0 {
		read++
	}
	list := []span{{-1, read, n}}
	for i := read + 1; i < len(passes); i++ {
		alive := passes[i].sampled - passes[i-1].sampled
		last := &list[len(list)-1]
		if last.from >= 0 && last.tokens == alive*(last.to-last.from) {
			last.to, last.tokens = i, last.tokens+alive
			continue
		}
		list = append(list, span{i - 1, i, alive})
	}
	return list
}

// rate is the tokens a second of a span.
func (s span) rate(passes []pass) float64 {
	t := passes[s.to].seconds
	if s.from >= 0 {
		t -= passes[s.from].seconds
	}
	return float64(s.tokens) / t
}

// cost is what a token of the span takes.
func (s span) cost(passes []pass) cost {
	w := passes[s.to].work
	if s.from >= 0 {
		w = w.Add(passes[s.from].work, -1)
	}
	return cost{w.Total() / float64(s.tokens), w.Seconds / float64(s.tokens)}
}
