package budget

import (
	"fmt"
	"slices"
	"strings"

	"spell/rl/settings"
)

// Knobs are the ways in which the settings C of a recipe can need less memory, in the order in which
// they are proposed.
type Knobs[C any] struct {
	Room  []Size[C] // for what goes through the program together: less of it changes little
	Sizes []Size[C] // that change what a run learns from
	// Switches are changes without a number. Of the alternatives in one list at most one is made, the
	// mildest first.
	Switches [][]func(*C)
	// Otherwise are other ways to train, proposed if nothing else would do, the first that would alone.
	Otherwise []func(*C)
}

// A Size is a number that settings follow from. Memory grows with it, by and large.
type Size[C any] struct {
	Least, Most int // the latter below what the settings have
	Set         func(c *C, n int)
}

// A way is changes with which a run fits.
type way []settings.Change

// String writes a way so that each part is the name of a setting and its value.
func (w way) String() string {
	parts := make([]string, len(w))
	for i, c := range w {
		parts[i] = c.Name + " " + c.Value
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return parts[0]
}

// free reports whether a run that goes on may make the changes.
func (w way) free() bool {
	return !slices.ContainsFunc(w, func(c settings.Change) bool { return !c.Free })
}

// within reports whether all settings of w are also among those of x.
func (w way) within(x way) bool {
	for _, c := range w {
		if !slices.ContainsFunc(x, func(d settings.Change) bool { return d.Name == c.Name }) {
			return false
		}
	}
	return true
}

// mostWays is how many ways a sentence names.
const mostWays = 3

// Fit returns an error if a run with settings c needs more than the available bytes: a sentence with
// the smallest changes with which it would not, each with the largest numbers that fit. A run that goes
// on is told one way, of settings that may change then. need returns an error for settings that cannot
// be run.
func Fit[C any](c C, available Memory, need func(C) (Memory, error), k Knobs[C], resuming bool) error {
	n, err := need(c)
	if err != nil || n.Within(available) {
		return err
	}
	s := &search[C]{c: c, need: need, goal: available.Without(64), least: n, most: mostWays, resuming: resuming}
	if resuming {
		s.most = 1
	}
	s.everything(k)
	if len(s.ways) == 0 && s.least.Within(available) { // with nothing to spare
		s.goal = available
		s.everything(k)
	}
	sentence := Sentence(n, available)
	if len(s.ways) == 0 {
		mend := "use a smaller model"
		if resuming {
			mend = "go on where more is free"
		}
		return fmt.Errorf("%s: with the smallest settings that would do it needs %s; %s",
			sentence, s.least, mend)
	}
	texts := make([]string, len(s.ways))
	for i, w := range s.ways {
		texts[i] = w.String()
	}
	return fmt.Errorf("%s; it would fit with %s", sentence, strings.Join(texts, ", or with "))
}

// A search looks for ways to need no more than the goal, which leaves a little of what is available:
// that changes between one start and the next.
type search[C any] struct {
	c        C
	need     func(C) (Memory, error)
	goal     Memory
	least    Memory // need of the settings tried that lack least
	ways     []way
	most     int
	resuming bool
}

// everything tries the knobs and, if there is no way, each of the other ways to train.
func (s *search[C]) everything(k Knobs[C]) {
	s.all(k)
	for _, other := range k.Otherwise {
		if len(s.ways) > 0 {
			return
		}
		with := k
		with.Switches = append([][]func(*C){{other}}, k.Switches...)
		s.all(with)
	}
}

// all tries first less room and then smaller sizes, each alone and with every set of switches, smaller
// sets first.
func (s *search[C]) all(k Knobs[C]) {
	sets := subsets(k.Switches)
	none := []Size[C]{{Set: func(*C, int) {}}}
	for _, sizes := range [][]Size[C]{append(none, k.Room...), k.Sizes} {
		for _, set := range sets {
			for _, z := range sizes {
				if z.Least <= z.Most && len(s.ways) < s.most {
					s.try(z, set)
				}
			}
		}
	}
}

// try adds the way with a size and switches if it fits and no other fits with some of its settings.
func (s *search[C]) try(z Size[C], set []func(*C)) {
	with := func(n int) C {
		c := s.c
		for _, do := range set {
			do(&c)
		}
		z.Set(&c, n)
		return c
	}
	if !s.new(s.changes(with(z.Least))) {
		return
	}
	fits := func(n int) bool {
		need, err := s.need(with(n))
		if err == nil && need.beyond(s.goal) < s.least.beyond(s.goal) {
			s.least = need
		}
		return err == nil && need.Within(s.goal)
	}
	if !fits(z.Least) {
		return
	}
	n := Largest(z.Least, z.Most, fits)
	if w := s.changes(with(n)); s.new(w) {
		s.ways = append(s.ways, w)
	}
}

// changes returns what differs from the settings of the run.
func (s *search[C]) changes(c C) way { return settings.Changes(&s.c, &c) }

// new reports whether a way changes something that may change, and does not repeat another with more.
func (s *search[C]) new(w way) bool {
	return len(w) > 0 && (!s.resuming || w.free()) &&
		!slices.ContainsFunc(s.ways, func(v way) bool { return v.within(w) })
}

// subsets returns all choices of at most one of each list, smaller ones first.
func subsets[F any](lists [][]F) [][]F {
	all := [][]F{nil}
	for _, list := range lists {
		for _, set := range all[:len(all):len(all)] {
			for _, f := range list {
				all = append(all, append(slices.Clone(set), f))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b []F) int { return len(a) - len(b) })
	return all
}

// Largest returns the largest number from lo to hi that fits, found by steps of a sixteenth and halves;
// 0 if none does. Where a trainer has room to keep activations less may take more, so that what fits is
// not all numbers up to one.
func Largest(lo, hi int, fits func(int) bool) int {
	over := hi + 1
	for n := hi; n >= lo; n -= max(1, min(n/16, n-lo)) {
		if !fits(n) {
			over = n
			continue
		}
		for over-n > 1 {
			if mid := n + (over-n)/2; fits(mid) {
				n = mid
			} else {
				over = mid
			}
		}
		return n
	}
	return 0
}
