package rollout

import (
	"crypto/sha256"
	"slices"
)

// job is a request in work.
type job struct {
	*Request
	done     func(Result) error
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

// newJob makes a job of a request. Its segments can be shared with other requests but for those that
// answers continue, whose last row has to be computed for each.
func newJob(r *Request, done func(Result) error) *job {
	n := len(r.Prompt)
	j := &job{Request: r, done: done, runs: make([]*run, n), keys: make([][sha256.Size]byte, n), sharable: make([]bool, n)}
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
		if c.done == dropped {
			continue
		}
		l := j.Leaves[c.leaf]
		s := r.Forest.Add(l.Segment, c.out, true)
		r.Forest[s].Temperature = l.Temperature // 0, greedy, is recorded at 1
		r.Answers = append(r.Answers, Answer{Leaf: c.leaf, Segment: s, LogProbs: c.logp, Finish: c.done})
	}
	return r
}
