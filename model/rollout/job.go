package rollout

import (
	"crypto/sha256"
	"slices"
)

// job is a request in work.
type requestState struct {
	*Request
	done      func(Result) error
	segments  []*segmentKV // the prompt's segments
	keys      [][sha256.Size]byte
	sharable  []bool // those that other requests may use
	reading   int    // the first segment not yet read whole
	sequences []*sequence
	live      int
}

// child is an answer in work.
type sequence struct {
	request *requestState
	branch  int
	n       uint64 // number of the answer within the request
	kv      segmentKV
	pos     int32
	out     []int32
	logp    []float32
	done    Finish
	ready   bool // its first token can be drawn: the prompt was read
}

// newJob makes a job of a request. Its segments can be shared with other requests but for those that
// answers continue, whose last row has to be computed for each.
func newRequestState(r *Request, done func(Result) error) *requestState {
	n := len(r.Prompt)
	j := &requestState{Request: r, done: done, segments: make([]*segmentKV, n), keys: make([][sha256.Size]byte, n), sharable: make([]bool, n)}
	for i := range r.Prompt {
		s := &r.Prompt[i]
		var before [sha256.Size]byte
		if s.Parent >= 0 {
			before = j.keys[s.Parent]
		}
		j.keys[i], j.sharable[i] = pathKey(before, s), len(s.Tokens) > 0
	}
	for _, l := range r.Branches {
		j.sharable[l.Segment] = false
	}
	return j
}

// common is the run of segment i that another request has, or nil.
func (e *Engine) cached(j *requestState, i int) *segmentKV {
	if !j.sharable[i] {
		return nil
	}
	return e.shared[j.keys[i]]
}

// pagesNow is the pages that a job takes beside the runs it can share.
func (e *Engine) pagesNow(j *requestState) int {
	n := pagesNeeded(j.Request)
	for i, s := range j.Prompt {
		if e.cached(j, i) != nil {
			n -= pagesFor(len(s.Tokens))
		}
	}
	return n
}

// admit takes the pages of a job.
func (e *Engine) admit(j *requestState) {
	r := j.Request
	for i, s := range r.Prompt {
		if j.segments[i] = e.cached(j, i); j.segments[i] != nil {
			j.segments[i].users++
			continue
		}
		j.segments[i] = &segmentKV{pages: e.pages.take(pagesFor(len(s.Tokens))), key: j.keys[i]}
		if j.sharable[i] {
			j.segments[i].users, e.shared[j.keys[i]] = 1, j.segments[i]
		}
	}
	for li, l := range r.Branches {
		for range l.N {
			j.sequences = append(j.sequences, &sequence{request: j, branch: li, n: uint64(len(j.sequences)),
				kv: segmentKV{pages: e.pages.take(pagesFor(l.MaxTokens))}, pos: r.Prompt.End(l.Segment)})
		}
	}
	j.live = len(j.sequences)
}

// leave gives back what only j used.
func (e *Engine) release(j *requestState) {
	for _, r := range j.segments {
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

func (j *requestState) result() Result {
	r := Result{Forest: slices.Clone(j.Prompt)}
	for _, c := range j.sequences {
		if c.done == dropped {
			continue
		}
		l := j.Branches[c.branch]
		s := r.Forest.Add(l.Segment, c.out, true)
		r.Forest[s].Temperature = l.Temperature // 0, greedy, is recorded at 1
		r.Answers = append(r.Answers, Answer{Branch: c.branch, Segment: s, LogProbs: c.logp, Finish: c.done})
	}
	return r
}
