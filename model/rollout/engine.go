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
	context int
	vocab   int
	cache   *model.Cache
	pages   *pages
	shared  map[[sha256.Size]byte]*segmentKV // runs that others may use
	waiting []*requestState                  // submitted, not yet admitted
	running []*requestState                  // at work
	count   progress
	serving bool

	// OnProgress, if set, is told after every pass how many answers have ended, of those that were submitted so
	// far, and how many tokens were read and sampled since the call began.
	OnProgress func(done, total, read, sampled int)
}

type progress struct{ done, total, read, sampled int }

// New maps the engine's cache.
func New(b kernels.Backend, w *model.Weights, o Options) (*Engine, error) {
	n := pagesFor(o.Slots)
	c, err := model.NewCache(b, w, n*pageRows, o.Rows, min(o.Rows, 64))
	if err != nil {
		return nil, err
	}
	return &Engine{opts: o, context: w.Context, vocab: w.Vocab, cache: c, pages: newPages(n), shared: map[[sha256.Size]byte]*segmentKV{}}, nil
}

// Free unmaps the cache.
func (e *Engine) Free() { e.cache.Free() }

// Memory lists the memory of the engine.
func (e *Engine) Memory() []model.MemoryItem { return e.cache.Memory() }

// Concurrency returns how many requests like r the engine serves at a time.
func (e *Engine) Concurrency(r *Request) int {
	return max(1, min(len(e.pages.free)/pagesNeeded(r), e.opts.Rows/2/answers(r)))
}

// Generate serves the requests and returns their results in order.
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

// Serve serves what begin submits, and what is submitted when that is done, until nothing is left. Requests
// are admitted in order as the cache has room for their prompts and longest answers, and as answers take no more than half
// of a pass, so that prompts are read beside them. The first error of a function, or of the context between two passes,
// ends it. It does not serve while it serves.
func (e *Engine) Serve(ctx context.Context, begin func() error) (err error) {
	if e.serving {
		return errors.New("the engine is serving already; submit to it")
	}
	free := slices.Clone(e.pages.free)
	defer func() {
		e.serving = false
		if err != nil { // of whoever was not done
			e.pages.free, e.waiting, e.running = free, nil, nil
			clear(e.shared)
		}
	}()
	e.serving, e.count = true, progress{}
	if err := begin(); err != nil {
		return err
	}
	p := &pass{sampleRows: make([]int32, 0, 16)}
	for len(e.waiting) > 0 || len(e.running) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.admitAll()
		p.reset()
		for _, j := range e.running {
			p.decode(j)
		}
		decoding := len(p.ids)
		for _, j := range e.running {
			p.prefill(j, e.opts.Rows)
		}
		e.count.sampled += decoding
		e.count.read += len(p.ids) - decoding
		if err := e.cache.Extend(ctx, p.ids, p.pos, p.slots, p.queries, p.on()); err != nil {
			return err
		}
		if err := e.sample(p); err != nil {
			return err
		}
		if err := e.finish(); err != nil {
			return err
		}
	}
	return nil
}

// Submit adds a request in the course of Serve. done is called with its result as soon as its last answer has
// ended, and may submit others.
func (e *Engine) Submit(r Request, done func(Result) error) error {
	if !e.serving {
		return errors.New("requests are submitted while the engine serves")
	}
	if err := e.check(&r); err != nil {
		return err
	}
	j := newRequestState(&r, done)
	e.waiting = append(e.waiting, j)
	e.count.total += answers(&r)
	return nil
}

// admitAll admits those waiting for whom there is room, in order.
func (e *Engine) admitAll() {
	live := 0
	for _, j := range e.running {
		live += j.live
	}
	for len(e.waiting) > 0 {
		j := e.waiting[0]
		if e.pagesNow(j) > len(e.pages.free) || live > 0 && live+answers(j.Request) > e.opts.Rows/2 {
			return
		}
		e.admit(j)
		live += j.live
		e.running, e.waiting = append(e.running, j), e.waiting[1:]
	}
}

// finish hands out the results of the jobs whose answers have all ended.
func (e *Engine) finish() error {
	var ended []*requestState
	e.running = slices.DeleteFunc(e.running, func(j *requestState) bool {
		if j.live == 0 {
			e.release(j)
			ended = append(ended, j)
		}
		return j.live == 0
	})
	if e.OnProgress != nil {
		e.OnProgress(e.count.done, e.count.total, e.count.read, e.count.sampled)
	}
	for _, j := range ended {
		if err := j.done(j.result()); err != nil {
			return err
		}
	}
	return nil
}

// sample draws a token for every child whose predicting row was in the pass, and retires those
// that ended.
func (e *Engine) sample(p *pass) error {
	how := make([]kernels.Sampling, len(p.sampled))
	rows := make([]int32, len(p.sampled))
	for i, h := range p.sampled {
		l := h.sequence.request.Branches[h.sequence.branch]
		rows[i] = h.number
		how[i] = kernels.Sampling{Temperature: l.Temperature, TopP: l.TopP, TopK: l.TopK,
			U: rng.At(e.opts.Seed, rng.Sample, h.sequence.request.Key, h.sequence.n, uint64(len(h.sequence.out))).Float64()}
	}
	ids, logp, err := e.cache.Sample(rows, how)
	if err != nil {
		return err
	}
	var ended []*sequence
	for i, h := range p.sampled {
		c := h.sequence
		c.ready = true
		c.out, c.logp = append(c.out, ids[i]), append(c.logp, logp[i])
		switch {
		case slices.Contains(e.opts.Stop, ids[i]):
			e.end(c, Stop)
		case len(c.out) >= c.request.Branches[c.branch].MaxTokens:
			e.end(c, Length)
		default:
			continue
		}
		ended = append(ended, c)
	}
	for _, c := range ended {
		if j := c.request; j.live > 0 && j.StopEarly != nil && j.StopEarly(c.out) {
			for _, other := range j.sequences {
				if other.done == "" {
					e.end(other, dropped)
				}
			}
		}
	}
	return nil
}

// end retires an answer.
func (e *Engine) end(c *sequence, why Finish) {
	c.done = why
	c.request.live--
	e.count.done++
	e.pages.give(c.kv.pages)
	c.kv.pages = nil
}
