package rollout

import (
	"crypto/sha256"
	"slices"
)

// A requestState is a request that was submitted. Its lists by segment follow the request's prompt.
type requestState struct {
	*Request
	done      func(Result) error
	segments  []*segmentKV        // nil until the request is admitted
	keys      [][sha256.Size]byte // of each segment, see pathKey
	sharable  []bool              // whether other requests may use a segment's keys and values
	reading   int                 // the first segment not yet read whole
	sequences []*sequence         // the answers, branch after branch
	live      int                 // answers that have not ended
}

// A sequence is an answer that is being sampled.
type sequence struct {
	request *requestState
	branch  int       // index into the request's branches
	n       uint64    // number of the answer within the request
	kv      segmentKV // of its tokens but the newest
	pos     int32     // position of its first token
	tokens  []int32
	logp    []float32 // of each token
	done    Finish    // empty while it goes on
	ready   bool      // its first token was drawn: the prompt is read
}

// newRequestState returns the state of a request that was submitted. Its segments can be shared
// with other requests, except those that answers continue: their last row has to be computed for
// each.
func newRequestState(r *Request, done func(Result) error) *requestState {
	n := len(r.Prompt)
	s := &requestState{Request: r, done: done, segments: make([]*segmentKV, n),
		keys: make([][sha256.Size]byte, n), sharable: make([]bool, n)}
	for i := range r.Prompt {
		seg := &r.Prompt[i]
		var before [sha256.Size]byte
		if seg.Parent >= 0 {
			before = s.keys[seg.Parent]
		}
		s.keys[i], s.sharable[i] = pathKey(before, seg), len(seg.Tokens) > 0
	}
	for _, b := range r.Branches {
		s.sharable[b.Segment] = false
	}
	return s
}

// cached returns the keys and values that another request has of segment i, or nil.
func (e *Engine) cached(s *requestState, i int) *segmentKV {
	if !s.sharable[i] {
		return nil
	}
	return e.shared[s.keys[i]]
}

// pagesNow counts the pages that a request takes beside those it can share.
func (e *Engine) pagesNow(s *requestState) int {
	n := pagesNeeded(s.Request)
	for i, seg := range s.Prompt {
		if e.cached(s, i) != nil {
			n -= pagesFor(len(seg.Tokens))
		}
	}
	return n
}

// admit takes the pages of a request and begins its answers.
func (e *Engine) admit(s *requestState) {
	for i, seg := range s.Prompt {
		if s.segments[i] = e.cached(s, i); s.segments[i] != nil {
			s.segments[i].users++
			continue
		}
		s.segments[i] = &segmentKV{pages: e.pages.take(pagesFor(len(seg.Tokens))), key: s.keys[i]}
		if s.sharable[i] {
			s.segments[i].users, e.shared[s.keys[i]] = 1, s.segments[i]
		}
	}
	for i, b := range s.Branches {
		for range b.N {
			s.sequences = append(s.sequences, &sequence{request: s, branch: i, n: uint64(len(s.sequences)),
				kv: segmentKV{pages: e.pages.take(pagesFor(b.MaxTokens))}, pos: s.Prompt.End(b.Segment)})
		}
	}
	s.live = len(s.sequences)
}

// release gives back the pages of the prompt that only s used.
func (e *Engine) release(s *requestState) {
	for _, kv := range s.segments {
		if kv.users > 1 {
			kv.users--
			continue
		}
		if kv.users == 1 {
			delete(e.shared, kv.key)
		}
		e.pages.give(kv.pages)
	}
}

// result returns the prompt with the answers that were not dropped.
func (s *requestState) result() Result {
	r := Result{Forest: slices.Clone(s.Prompt)}
	for _, q := range s.kept() {
		b := s.Branches[q.branch]
		at := r.Forest.Add(b.Segment, q.tokens, true)
		r.Forest[at].Temperature = b.Temperature // 0, greedy, is recorded at 1
		r.Answers = append(r.Answers, Answer{Branch: q.branch, Segment: at, LogProbs: q.logp, Finish: q.done})
	}
	return r
}
