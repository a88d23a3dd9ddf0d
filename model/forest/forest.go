// Package forest is the engine's only batch: segments of tokens, each continuing its parent.
//
// A GRPO group is one root (the prompt) and G children (the answers); a document followed by
// several questions, each with several answers, is a deeper tree; plain text is a root alone.
// There is no padding, no attention mask and no [batch, seq]. The same forest is what the
// sampler fills, what the trainer scores and what the transcript records.
package forest

import (
	"fmt"
	"math"
	"slices"
)

// A Segment continues its Parent, or starts a root where Parent < 0.
type Segment struct {
	// Parent is the index of an earlier segment.
	Parent int32
	// Pos is the absolute position of the first token. It is the parent's end unless a recipe
	// leaves a gap on purpose.
	Pos int32
	// Tokens may be empty.
	Tokens []int32
	// Loss says that the tokens are scored: log-probabilities are computed for them.
	Loss bool
	// Temperature is what the tokens were sampled at, and are scored at; 0 means 1.
	Temperature float32
}

// A Forest lists segments, parents before children.
type Forest []Segment

// End is the position after the last token of segment s.
func (f Forest) End(s int) int32 { return f[s].Pos + int32(len(f[s].Tokens)) }

// Add appends a segment that continues parent without a gap and returns its index.
func (f *Forest) Add(parent int, tokens []int32, loss bool) int {
	s := Segment{Parent: int32(parent), Tokens: tokens, Loss: loss}
	if parent >= 0 {
		s.Pos = f.End(parent)
	}
	*f = append(*f, s)
	return len(*f) - 1
}

// Chain appends segments that follow one another, leaving out those without tokens, and returns
// the index of the last, or parent.
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

// Graft adds g to f as Append does, but for segments that others continue and that f has already at the same
// place, unscored: what the trees have in common at the beginning is there once. It returns where in f each
// segment of g is.
func (f *Forest) Graft(g Forest) (at []int32) {
	stem, had := g.stems(), len(*f)
	for i, s := range g {
		if s.Parent >= 0 {
			s.Parent = at[s.Parent]
		}
		n := -1
		if stem[i] && !s.Loss {
			n = slices.IndexFunc((*f)[:had], func(t Segment) bool {
				return t.Parent == s.Parent && t.Pos == s.Pos && !t.Loss && slices.Equal(t.Tokens, s.Tokens)
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

// Stems counts the tokens of segments that others continue.
func (f Forest) Stems() int {
	n := 0
	for i, stem := range f.stems() {
		if stem {
			n += len(f[i].Tokens)
		}
	}
	return n
}

// stems says of each segment whether others continue it.
func (f Forest) stems() []bool {
	stem := make([]bool, len(f))
	for _, s := range f {
		if s.Parent >= 0 {
			stem[s.Parent] = true
		}
	}
	return stem
}

// Trees are the index ranges [from, to) of the trees, where each is contiguous, as they are
// when every tree was appended whole.
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
