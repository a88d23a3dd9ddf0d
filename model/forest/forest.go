// Package forest is the engine's only batch: segments of tokens, each continuing its parent.
//
// A GRPO group is one root (the prompt) and G children (the answers); a document followed by
// several questions, each with several answers, is a deeper tree; plain text is a root alone.
// There is no padding, no attention mask and no [batch, seq]. The same forest is what the
// sampler fills, what the trainer scores and what the transcript records.
//
// # Words
//
// These words have one meaning each, here and in the packages that import this one:
//
//	segment         a run of tokens whose context is its ancestors, then its own past
//	shared segment  a segment with children; its keys and values are computed once for all of them
//	branch          a segment without children
//	root, tree      a segment without a parent; it and everything that continues it
//	prompt          the segments that a request brings; the sampler adds answers as branches
//	GRPO group      the answers to one prompt: a tree, not a type of this package
//	bundle          the trees whose shared segments a decoder holds at once
//	batch           the rows that go through the decoder together: the shared segments of a
//	                bundle, or as many of its branches as the limits allow
//	pass            a batch on its way through all blocks
//	row             one token of a batch
//	live row        a row that predicts a scored token; the last block computes only live rows
//	                past their keys and values
//	scored token    a token whose log-probability is wanted (the field's loss mask)
//	predictor       the row before a token in its context, whose output the head reads
//	span            a range of key rows that a query sees
//	KV page         kernels.KeyBlock rows of the sampler's key-value cache
package forest

import (
	"fmt"
	"math"
	"slices"
)

// A Segment continues its Parent, or is a root if Parent < 0.
type Segment struct {
	// Parent is the index of an earlier segment.
	Parent int32
	// Pos is the absolute position of the first token. It is the parent's end unless a recipe
	// leaves a gap on purpose.
	Pos int32
	// Tokens may be empty.
	Tokens []int32
	// Scored asks for the log-probabilities of the tokens.
	Scored bool
	// Temperature is what the tokens were sampled at and are scored at; 0 means 1.
	Temperature float32
}

// A Forest lists segments, parents before children.
type Forest []Segment

// End returns the position after the last token of segment s.
func (f Forest) End(s int) int32 { return f[s].Pos + int32(len(f[s].Tokens)) }

// Add appends a segment that continues parent without a gap and returns its index.
func (f *Forest) Add(parent int, tokens []int32, scored bool) int {
	s := Segment{Parent: int32(parent), Tokens: tokens, Scored: scored}
	if parent >= 0 {
		s.Pos = f.End(parent)
	}
	*f = append(*f, s)
	return len(*f) - 1
}

// Chain appends unscored segments that follow one another, leaving out those without tokens. It
// returns the index of the last one, or parent if none was added.
func (f *Forest) Chain(parent int, parts ...[]int32) int {
	for _, p := range parts {
		if len(p) > 0 {
			parent = f.Add(parent, p, false)
		}
	}
	return parent
}

// Append adds the trees of g behind those of f and returns the index of g's first segment.
func (f *Forest) Append(g Forest) int {
	base := len(*f)
	for _, s := range g {
		if s.Parent >= 0 {
			s.Parent += int32(base)
		}
		*f = append(*f, s)
	}
	return base
}

// Graft adds g to f as Append does, but reuses shared unscored segments that f already has at the
// same place, so that a common beginning is there once. It returns the index in f of each segment
// of g.
func (f *Forest) Graft(g Forest) (at []int32) {
	shared, had := g.shared(), len(*f)
	for i, s := range g {
		if s.Parent >= 0 {
			s.Parent = at[s.Parent]
		}
		n := -1
		if shared[i] && !s.Scored {
			n = slices.IndexFunc((*f)[:had], func(t Segment) bool {
				return t.Parent == s.Parent && t.Pos == s.Pos && !t.Scored && slices.Equal(t.Tokens, s.Tokens)
			})
		}
		if n < 0 {
			n = len(*f)
			*f = append(*f, s)
		}
		at = append(at, int32(n))
	}
	return at
}

// Path lists the ancestors of s from the root down, then s.
func (f Forest) Path(s int) []int {
	depth := 0
	for a := s; a >= 0; a = int(f[a].Parent) {
		depth++
	}
	path := make([]int, depth)
	for a := s; a >= 0; a = int(f[a].Parent) {
		depth--
		path[depth] = a
	}
	return path
}

// Tokens counts the tokens of all segments.
func (f Forest) Tokens() int {
	n := 0
	for _, s := range f {
		n += len(s.Tokens)
	}
	return n
}

// SharedTokens counts the tokens of shared segments.
func (f Forest) SharedTokens() int {
	n := 0
	for i, shared := range f.shared() {
		if shared {
			n += len(f[i].Tokens)
		}
	}
	return n
}

// LiveTokens counts the tokens of shared segments that predict a scored token: only these go all the way
// through the last block.
func (f Forest) LiveTokens() int {
	n, shared := 0, f.shared()
	for _, tree := range f.byRoot() {
		n += f.liveTokens(tree, shared)
	}
	return n
}

// liveTokens is LiveTokens of a tree, given as its segments.
func (f Forest) liveTokens(tree []int, shared []bool) int {
	n, ends := 0, map[int32]bool{} // segments whose last token predicts
	for _, s := range tree {
		seg := &f[s]
		if !seg.Scored || len(seg.Tokens) == 0 {
			continue
		}
		if shared[s] {
			n += len(seg.Tokens) - 1
		}
		a := seg.Parent
		for a >= 0 && len(f[a].Tokens) == 0 {
			a = f[a].Parent
		}
		if a >= 0 {
			ends[a] = true
		}
	}
	return n + len(ends)
}

// shared reports for each segment whether others continue it.
func (f Forest) shared() []bool {
	shared := make([]bool, len(f))
	for _, s := range f {
		if s.Parent >= 0 {
			shared[s.Parent] = true
		}
	}
	return shared
}

// Trees returns the index ranges [from, to) of the trees. Each tree must be contiguous, as it is if
// it was appended whole.
func (f Forest) Trees() [][2]int {
	var trees [][2]int
	for i, s := range f {
		if s.Parent < 0 {
			trees = append(trees, [2]int{i, i + 1})
		} else {
			trees[len(trees)-1][1] = i + 1
		}
	}
	return trees
}

// Validate checks parents, positions and token ids against a vocabulary of the given size and
// a context of the given length (0: unlimited).
func (f Forest) Validate(vocab, context int) error {
	for i, s := range f {
		if int(s.Parent) >= i {
			return fmt.Errorf("segment %d names segment %d as its parent; parents come first", i, s.Parent)
		}
		if s.Pos < 0 || s.Parent >= 0 && s.Pos < f.End(int(s.Parent)) {
			return fmt.Errorf("segment %d starts at position %d, before its parent ends", i, s.Pos)
		}
		switch end := int64(s.Pos) + int64(len(s.Tokens)); {
		case end > math.MaxInt32:
			return fmt.Errorf("segment %d ends at position %d; positions go up to %d", i, end, math.MaxInt32)
		case context > 0 && end > int64(context):
			return fmt.Errorf("segment %d ends at position %d, beyond the model's context of %d", i, end, context)
		}
		if !(s.Temperature >= 0 && s.Temperature <= math.MaxFloat32) {
			return fmt.Errorf("segment %d has temperature %g", i, s.Temperature)
		}
		for _, t := range s.Tokens {
			if t < 0 || int(t) >= vocab {
				return fmt.Errorf("segment %d holds token %d; the vocabulary has %d", i, t, vocab)
			}
		}
	}
	return nil
}
