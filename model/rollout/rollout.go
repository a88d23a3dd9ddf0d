// Package rollout samples answers: it reads prompts into a paged key-value cache, once however
// many answers continue them, and decodes all live answers in lockstep.
//
// Requests come in as forests and go out as the same forests with the answers added as
// segments. A token's log-probability is recorded as the sampler saw it; scoring the returned
// forest with model.Decoder gives the same bits. Randomness is counted, not carried: a token
// depends on the seed, the request's key, the answer's number and the token's place, never on
// what else is in the batch.
package rollout

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/tensor/rng"
)

// Sampling says how to draw tokens: softmax(logits/Temperature) cut to the TopK most likely
// tokens (0: all) and to the smallest set of probability TopP (1: all). Temperature 0 takes
// the most likely token.
type Sampling struct {
	Temperature float32
	TopP        float32
	TopK        int
}

// A Leaf asks for N answers, of at most MaxTokens tokens each, to the context that ends with a
// segment.
type Leaf struct {
	Segment   int
	N         int
	MaxTokens int
	Sampling
}

// A Request is one tree of prompts and the answers wanted. Key numbers the request among all
// that share the seed.
type Request struct {
	Prompt forest.Forest
	Leaves []Leaf
	Key    uint64
}

// Finish says why an answer ended.
type Finish string

// The reasons: a stop token, which is the answer's last, or the limit.
const (
	Stop   Finish = "stop"
	Length Finish = "length"
)

// An Answer is one sampled segment of a result's forest.
type Answer struct {
	Leaf     int // index into the request's leaves
	Segment  int // index into the result's forest
	LogProbs []float32
	Finish   Finish
}

// A Result is the request's forest with the answers appended as scored segments, in the order
// of leaves and then of answers.
type Result struct {
	Forest  forest.Forest
	Answers []Answer
}

// Options sizes an engine.
type Options struct {
	Slots int     // tokens the cache holds
	Rows  int     // rows of one pass: live answers and prompt tokens together
	Stop  []int32 // ids that end an answer
	Seed  uint64
}

// An Engine generates with one set of weights, which may be trained between calls.
type Engine struct {
	opts    Options
	context int
	vocab   int
	cache   *model.Cache
	pages   *pages
	shared  map[[sha256.Size]byte]*run // runs that others may use

	// OnProgress, if set, is told after every pass how many answers have ended and how many
	// tokens were read and sampled since the call began.
	OnProgress func(done, total, read, sampled int)
}

// New maps the engine's cache.
func New(b kernels.Backend, w *model.Weights, o Options) (*Engine, error) {
	n := pagesFor(o.Slots)
	c, err := model.NewCache(b, w, n*pageRows, o.Rows, min(o.Rows, 64))
	if err != nil {
		return nil, err
	}
	return &Engine{opts: o, context: w.Context, vocab: w.Vocab, cache: c, pages: newPages(n)}, nil
}

// Free unmaps the cache.
func (e *Engine) Free() { e.cache.Free() }

// Parts is the memory of the engine.
func (e *Engine) Parts() []model.Part { return e.cache.Parts() }

// Together is how many requests like r the engine serves at a time.
func (e *Engine) Together(r *Request) int {
	return max(1, min(len(e.pages.free)/pagesNeeded(r), e.opts.Rows/2/answers(r)))
}

// job is a request in work.
type job struct {
	*Request
	index    int
	runs     []*run // the prompt's segments
	keys     [][sha256.Size]byte
	sharable []bool // those that other requests may use
	segment  int    // the first segment not yet read whole
	children []*child
	live     int
}

// child is an answer in work.
type child struct {
	job   *job
	leaf  int
	n     uint64 // number of the answer within the request
	run   run
	pos   int32
	out   []int32
	logp  []float32
	done  Finish
	ready bool // its first token can be drawn: the prompt was read
}

// Generate serves the requests, admitting them in order as the cache has room for their
// prompts and longest answers, and returns their results in order. On cancellation it stops
// between passes with the context's error.
func (e *Engine) Generate(ctx context.Context, reqs []Request) ([]Result, error) {
	total := 0
	for i := range reqs {
		if err := e.check(&reqs[i]); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		for _, l := range reqs[i].Leaves {
			total += l.N
		}
	}
	results := make([]Result, len(reqs))
	var jobs []*job
	free := slices.Clone(e.pages.free)
	defer func() { e.pages.free = free }() // also after cancellation
	e.shared = map[[sha256.Size]byte]*run{}
	next, done, read, sampled := 0, 0, 0, 0
	var waiting *job // request next, not yet admitted
	p := &pass{heading: make([]int32, 0, 16)}
	for next < len(reqs) || len(jobs) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		live := 0
		for _, j := range jobs {
			live += j.live
		}
		for next < len(reqs) {
			if waiting == nil {
				waiting = e.prepare(&reqs[next], next)
			}
			if e.pagesNow(waiting) > len(e.pages.free) || live > 0 && live+answers(&reqs[next]) > e.opts.Rows/2 {
				break
			}
			e.admit(waiting)
			live += waiting.live
			jobs, waiting = append(jobs, waiting), nil
			next++
		}
		p.reset()
		for _, j := range jobs {
			p.decode(j)
		}
		sampled += len(p.ids)
		decoding := len(p.ids)
		for _, j := range jobs {
			p.prefill(j, e.opts.Rows)
		}
		read += len(p.ids) - decoding
		e.cache.Extend(p.ids, p.pos, p.slots, p.queries, p.on())
		if err := e.sample(p); err != nil {
			return nil, err
		}
		jobs = slices.DeleteFunc(jobs, func(j *job) bool {
			if j.live > 0 {
				return false
			}
			results[j.index] = j.result()
			done += len(j.children)
			e.leave(j)
			return true
		})
		if e.OnProgress != nil {
			ended := done
			for _, j := range jobs {
				ended += len(j.children) - j.live
			}
			e.OnProgress(ended, total, read, sampled)
		}
	}
	return results, nil
}

func (e *Engine) check(r *Request) error {
	if err := r.Prompt.Validate(e.vocab, e.context); err != nil {
		return err
	}
	if len(r.Leaves) == 0 {
		return fmt.Errorf("no answers are asked for")
	}
	for _, l := range r.Leaves {
		switch {
		case l.Segment < 0 || l.Segment >= len(r.Prompt) || len(r.Prompt[l.Segment].Tokens) == 0:
			return fmt.Errorf("an answer continues segment %d, which has no tokens", l.Segment)
		case l.N < 1 || l.MaxTokens < 1:
			return fmt.Errorf("%d answers of %d tokens are asked for; both must be positive", l.N, l.MaxTokens)
		case int(r.Prompt.End(l.Segment))+l.MaxTokens > e.context:
			return fmt.Errorf("a prompt of %d tokens and an answer of up to %d exceed the model's context of %d", r.Prompt.End(l.Segment), l.MaxTokens, e.context)
		case l.Temperature > 0 && l.Temperature < 1e-4:
			return fmt.Errorf("temperature %g is too small; use 0 for the most likely token, or at least 0.0001", l.Temperature)
		case !(l.Temperature >= 0) || !(l.TopP > 0):
			return fmt.Errorf("temperature %g and top-p %g are not usable", l.Temperature, l.TopP)
		}
	}
	if n := pagesNeeded(r) * pageRows; n > e.opts.Slots+pageRows-1 {
		return fmt.Errorf("it takes %d cache rows and the cache holds %d; ask for fewer or shorter answers, or give the cache more tokens", n, e.opts.Slots)
	}
	if answers(r) > e.opts.Rows {
		return fmt.Errorf("%d answers to one prompt; a pass holds %d rows", answers(r), e.opts.Rows)
	}
	return nil
}

func answers(r *Request) int {
	n := 0
	for _, l := range r.Leaves {
		n += l.N
	}
	return n
}

func pagesNeeded(r *Request) int {
	n := 0
	for _, s := range r.Prompt {
		n += pagesFor(len(s.Tokens))
	}
	for _, l := range r.Leaves {
		n += l.N * pagesFor(l.MaxTokens)
	}
	return n
}

// prepare makes a job of a request. Its segments can be shared with other requests but for those that
// answers continue, whose last row has to be computed for each.
func (e *Engine) prepare(r *Request, index int) *job {
	n := len(r.Prompt)
	j := &job{Request: r, index: index, runs: make([]*run, n), keys: make([][sha256.Size]byte, n), sharable: make([]bool, n)}
	for i := range r.Prompt {
		s := &r.Prompt[i]
		var before [sha256.Size]byte
		if s.Parent >= 0 {
			before = j.keys[s.Parent]
		}
		j.keys[i], j.sharable[i] = pathKey(before, s), len(s.Tokens) > 0
	}
	for _, l := range r.Leaves {
		j.sharable[l.Segment] = false
	}
	return j
}

// common is the run of segment i that another request has, or nil.
func (e *Engine) common(j *job, i int) *run {
	if !j.sharable[i] {
		return nil
	}
	return e.shared[j.keys[i]]
}

// pagesNow is the pages that a job takes beside the runs it can share.
func (e *Engine) pagesNow(j *job) int {
	n := pagesNeeded(j.Request)
	for i, s := range j.Prompt {
		if e.common(j, i) != nil {
			n -= pagesFor(len(s.Tokens))
		}
	}
	return n
}

// admit takes the pages of a job.
func (e *Engine) admit(j *job) {
	r := j.Request
	for i, s := range r.Prompt {
		if j.runs[i] = e.common(j, i); j.runs[i] != nil {
			j.runs[i].users++
			continue
		}
		j.runs[i] = &run{pages: e.pages.take(pagesFor(len(s.Tokens))), key: j.keys[i]}
		if j.sharable[i] {
			j.runs[i].users, e.shared[j.keys[i]] = 1, j.runs[i]
		}
	}
	for li, l := range r.Leaves {
		for range l.N {
			j.children = append(j.children, &child{job: j, leaf: li, n: uint64(len(j.children)),
				run: run{pages: e.pages.take(pagesFor(l.MaxTokens))}, pos: r.Prompt.End(l.Segment)})
		}
	}
	j.live = len(j.children)
}

// leave gives back what only j used.
func (e *Engine) leave(j *job) {
	for _, r := range j.runs {
		if r.users > 1 {
			r.users--
			continue
		}
		if r.users == 1 {
			delete(e.shared, r.key)
		}
		e.pages.give(r.pages)
	}
}

func (j *job) result() Result {
	r := Result{Forest: slices.Clone(j.Prompt)}
	for _, c := range j.children {
		l := j.Leaves[c.leaf]
		s := r.Forest.Add(l.Segment, c.out, true)
		r.Forest[s].Temperature = l.Temperature // 0, greedy, is recorded at 1
		r.Answers = append(r.Answers, Answer{Leaf: c.leaf, Segment: s, LogProbs: c.logp, Finish: c.done})
	}
	return r
}

// sample draws a token for every child whose predicting row was in the pass, and retires those
// that ended.
func (e *Engine) sample(p *pass) error {
	how := make([]kernels.Sampling, len(p.heads))
	rows := make([]int32, len(p.heads))
	for i, h := range p.heads {
		l := h.child.job.Leaves[h.child.leaf]
		rows[i] = h.number
		how[i] = kernels.Sampling{Temperature: l.Temperature, TopP: l.TopP, TopK: l.TopK,
			U: rng.At(e.opts.Seed, rng.Sample, h.child.job.Key, h.child.n, uint64(len(h.child.out))).Float64()}
	}
	ids, logp, err := e.cache.Sample(rows, how)
	if err != nil {
		return err
	}
	for i, h := range p.heads {
		c := h.child
		c.ready = true
		c.out, c.logp = append(c.out, ids[i]), append(c.logp, logp[i])
		switch {
		case slices.Contains(e.opts.Stop, ids[i]):
			c.done = Stop
		case len(c.out) >= c.job.Leaves[c.leaf].MaxTokens:
			c.done = Length
		default:
			continue
		}
		c.job.live--
		e.pages.give(c.run.pages)
		c.run.pages = nil
	}
	return nil
}
