package rollout

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/tensor/rng"
)

// An Engine generates with one set of weights, which may be trained between calls.
type Engine struct {
	opts    Options
	context int // of the model
	vocab   int
	cache   *model.Cache
	pages   *pages
	shared  map[[sha256.Size]byte]*segmentKV // of prompts that are running, by key
	waiting []*requestState                  // submitted, not yet admitted
	running []*requestState                  // admitted, in that order
	count   progress
	serving bool
	held    *requestState   // with Hold, while its result is handed out
	cut     []*requestState // what a cancelled Serve left undone; see Partial

	// OnProgress, if set, is called after every pass with the answers that have ended, those
	// submitted so far, and the tokens read and sampled since Serve began.
	OnProgress func(done, total, read, sampled int)
}

// progress is what OnProgress gets.
type progress struct{ done, total, read, sampled int }

// New maps an engine's cache.
func New(b kernels.Backend, w *model.Weights, o Options) (*Engine, error) {
	n := pagesFor(o.Slots)
	c, err := model.NewCache(b, w, n*pageRows, o.Rows, min(o.Rows, 64))
	if err != nil {
		return nil, err
	}
	return &Engine{opts: o, context: w.Context, vocab: w.Vocab, cache: c, pages: newPages(n),
		shared: map[[sha256.Size]byte]*segmentKV{}}, nil
}

// Free unmaps the cache.
func (e *Engine) Free() { e.cache.Free() }

// Memory lists the memory of the engine.
func (e *Engine) Memory() []model.MemoryItem { return e.cache.Memory() }

// Sizes returns what bounds the operands of the engine's operations.
func (e *Engine) Sizes() kernels.Sizes { return e.cache.Sizes() }

// Concurrency returns how many requests like r the engine serves at a time.
func (e *Engine) Concurrency(r *Request) int {
	return max(1, min(len(e.pages.free)/pagesNeeded(r), e.opts.Rows/2/answers(r)))
}

// Generate serves the requests and returns their results in order. On error it returns none.
func (e *Engine) Generate(ctx context.Context, reqs []Request) ([]Result, error) {
	results := make([]Result, len(reqs))
	err := e.Serve(ctx, func() error {
		for i := range reqs {
			err := e.Submit(reqs[i], func(r Result) error { results[i] = r; return nil })
			if err != nil {
				return fmt.Errorf("request %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Serve serves what begin submits, and what the done functions submit, until nothing is left.
// Requests are admitted in order, as soon as the cache has room for their prompts and longest
// answers, and as long as answers take no more than half of a pass, so that prompts are read beside
// them.
//
// The first error of a function, or ctx's between two layers, ends it; requests under way are then
// dropped, and the engine can serve others. Serve must not be called again before it returns.
func (e *Engine) Serve(ctx context.Context, begin func() error) (err error) {
	if e.serving {
		return errors.New("the engine is serving already; submit to it")
	}
	free := slices.Clone(e.pages.free)
	e.cut = nil
	defer func() {
		e.serving = false
		if err != nil { // take the pages from requests under way
			if ctx.Err() != nil {
				e.cut = append(e.running, e.waiting...)
			}
			e.pages.free, e.waiting, e.running = free, nil, nil
			clear(e.shared)
		}
	}()
	e.serving, e.count = true, progress{}
	if err := begin(); err != nil {
		return err
	}
	p := &pass{sampleRows: make([]int32, 0, 16)} // not nil, which would mean all rows
	for len(e.waiting) > 0 || len(e.running) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.step(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// step admits requests, runs one pass, in the memory of p, and hands out what has ended.
func (e *Engine) step(ctx context.Context, p *pass) error {
	e.admitAll()
	p.reset()
	for _, s := range e.running {
		p.decode(s)
	}
	decoding := len(p.ids)
	for _, s := range e.running {
		p.prefill(s, e.opts.Rows)
	}
	e.count.sampled += decoding
	e.count.read += len(p.ids) - decoding
	if err := e.cache.Extend(ctx, p.ids, p.pos, p.slots, p.queries, p.rowsToSample()); err != nil {
		return err
	}
	if err := e.sample(p); err != nil {
		return err
	}
	return e.finish()
}

// Submit adds a request in the course of Serve. done is called with its result as soon as its last
// answer has ended, and may submit others.
func (e *Engine) Submit(r Request, done func(Result) error) error {
	if !e.serving {
		return errors.New("requests are submitted while the engine serves")
	}
	if err := e.check(&r); err != nil {
		return err
	}
	e.waiting = append(e.waiting, newRequestState(&r, done))
	e.count.total += answers(&r)
	return nil
}

// admitAll admits those waiting for whom there is room, in order.
func (e *Engine) admitAll() {
	live := 0
	for _, s := range e.running {
		live += s.live
	}
	for len(e.waiting) > 0 {
		s := e.waiting[0]
		if e.pagesNow(s) > len(e.pages.free) || live > 0 && live+answers(s.Request) > e.opts.Rows/2 {
			return
		}
		e.admit(s)
		live += s.live
		e.running, e.waiting = append(e.running, s), e.waiting[1:]
	}
}

// finish hands out the results of the requests whose answers have all ended.
func (e *Engine) finish() error {
	var ended []*requestState
	e.running = slices.DeleteFunc(e.running, func(s *requestState) bool {
		if s.live == 0 {
			if !s.Hold {
				e.release(s)
			}
			ended = append(ended, s)
		}
		return s.live == 0
	})
	if e.OnProgress != nil {
		e.OnProgress(e.count.done, e.count.total, e.count.read, e.count.sampled)
	}
	for _, s := range ended {
		if err := e.handOut(s); err != nil {
			return err
		}
	}
	return nil
}

// handOut hands out the result of a request.
func (e *Engine) handOut(s *requestState) error {
	if s.Hold {
		e.held = s
		defer func() {
			e.held = nil
			for _, q := range s.sequences {
				e.giveBack(q)
			}
			e.release(s)
		}()
	}
	return s.done(s.result())
}

// sample draws a token for every sequence whose predicting row was in the pass, and ends those that
// are complete.
func (e *Engine) sample(p *pass) error {
	how := make([]kernels.Sampling, len(p.sampled))
	rows := make([]int32, len(p.sampled))
	for i, r := range p.sampled {
		q := r.sequence
		b := q.request.Branches[q.branch]
		rows[i] = r.number
		how[i] = kernels.Sampling{Temperature: b.Temperature, TopP: b.TopP, TopK: b.TopK,
			U: rng.At(e.opts.Seed, rng.Sample, q.request.Key, q.n, uint64(len(q.tokens))).Float64()}
	}
	ids, logp, err := e.cache.Sample(rows, how)
	if err != nil {
		return err
	}
	var ended []*sequence
	for i, r := range p.sampled {
		q := r.sequence
		q.ready = true
		q.tokens, q.logp = append(q.tokens, ids[i]), append(q.logp, logp[i])
		switch {
		case slices.Contains(e.opts.Stop, ids[i]):
			e.end(q, Stop)
		case len(q.tokens) >= q.request.Branches[q.branch].MaxTokens:
			e.end(q, Length)
		default:
			continue
		}
		ended = append(ended, q)
	}
	for _, q := range ended {
		if s := q.request; s.live > 0 && s.StopEarly != nil && s.StopEarly(q.tokens) {
			e.dropLive(s)
		}
	}
	return nil
}

// dropLive ends the answers of a request that still go on.
func (e *Engine) dropLive(s *requestState) {
	for _, q := range s.sequences {
		if q.done == "" {
			e.end(q, dropped)
		}
	}
}

// end ends an answer and, unless they are held, gives back its pages.
func (e *Engine) end(q *sequence, why Finish) {
	q.done = why
	q.request.live--
	e.count.done++
	if !q.request.Hold {
		e.giveBack(q)
	}
}

// giveBack gives back the pages of an answer.
func (e *Engine) giveBack(q *sequence) {
	e.pages.give(q.kv.pages)
	q.kv.pages = nil
}
