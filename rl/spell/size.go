package spell

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"strings"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/budget"
	"spell/rl/settings"
)

// A Sizing is what settings are sized to: bytes of memory, 0 if the machine does not tell, and a time at
// rates that were measured once.
type Sizing struct {
	Backend   kernels.Backend
	Model     model.Config
	Precision model.Precision
	Texts     *Texts
	Memory    int64 // of the host; the backend tells that of a device
	Hours     float64
	Rates     tally.Rates
	// Lay lays the user's own settings over a configuration; they stay as they are.
	Lay func(*Config) error
}

// Size returns the largest settings on the way from a preset's down to a few short questions whose run
// fits into the hours and the memory. The same rates and memory give the same settings. What the user
// has set is kept. If not even the smallest are in time they are returned, and if nothing fits into the
// memory the error says what would.
func (s Sizing) Size(ctx context.Context, preset Config) (c Config, inTime bool, err error) {
	rungs := ladder(preset)
	first, last := rungs[0], rungs[len(rungs)-1]
	if err := errors.Join(s.Lay(&first), s.Lay(&last)); err != nil {
		return first, false, err
	}
	if reflect.DeepEqual(first, last) { // nothing is left to choose
		return first, true, first.Validate()
	}
	var best *Plan
	lo, hi := 0, len(rungs) // rungs from hi on fit, none below lo does
	for lo < hi {
		mid := (lo + hi) / 2
		p, err := s.fit(ctx, rungs[mid])
		if err == nil {
			var t *budget.Times
			if t, err = p.Clock(s.Rates); err == nil && t.Run() <= 3600*s.Hours {
				best, hi = p, mid
				continue
			}
		}
		if err := ctx.Err(); err != nil {
			return preset, false, err
		}
		lo = mid + 1
	}
	if best != nil {
		return best.Config, true, nil
	}
	p, err := s.fit(ctx, rungs[len(rungs)-1])
	if p == nil {
		return preset, false, err
	}
	if errors.Is(err, errTooLarge) {
		err = p.Fit(ctx, s.Backend, s.Texts, s.Memory, false)
	}
	return p.Config, false, err
}

// fit returns the plan of a rung with the user's settings, in the first of some ways to need less memory
// that fits. If none does the plan is the last and the error errTooLarge.
func (s Sizing) fit(ctx context.Context, c Config) (last *Plan, err error) {
	with := c
	ways := [...]func(){
		func() {},
		func() { with = with.Tight(0, 0, 0) },
		func() { with.Recompute = true },
		func() { with.Offload = budget.OnDevice(s.Backend) },
		func() { with.Moments = model.Int8Moments },
		func() { with.HeldOut = 0 },
	}
	for i, less := range ways {
		less()
		c := with
		if err := s.lay(&c); err != nil {
			return nil, err
		}
		if err := c.Validate(); err != nil {
			return nil, fmt.Errorf("the settings cannot be run: %w", err)
		}
		if last, err = NewPlan(ctx, s.Backend, s.Model, s.Precision, c, s.Texts); err != nil {
			return nil, err
		}
		has := budget.Available(s.Backend, s.Memory)
		if i+1 < len(ways) {
			has = has.Without(16) // others need some, too
		}
		if last.Needs().Within(has) {
			return last, nil
		}
	}
	return last, errTooLarge
}

// errTooLarge is that of a plan that takes more memory than there is; Plan.Fit says what would do.
var errTooLarge = errors.New("the run needs more memory than there is")

// lay lays the user's settings over a rung, and makes the room that they need unless that is set, too.
func (s Sizing) lay(c *Config) error {
	if err := s.Lay(c); err != nil {
		return err
	}
	c.PassTokens, c.BatchTokens = max(c.PassTokens, c.MaxPrompt), max(c.BatchTokens, c.longest())
	c.CacheTokens = max(c.CacheTokens, c.leastCache())
	return s.Lay(c)
}

// ladder returns settings from c downwards: outputs, questions, prompts and steps become fewer or shorter
// in turn, each by a quarter or a third to a round number, and answers once these are small.
func ladder(c Config) []Config {
	shortest := 1024 // the full instructions take half of it
	if c.Prompts == "compact" || c.Prompts == "reading" {
		shortest = 512
	}
	turns := []func(*Config) bool{
		func(c *Config) bool {
			question, answer, vote := lower(&c.MaxQuestion, 96), lower(&c.MaxAnswer, 96), lower(&c.MaxVote, 32)
			return question || answer || vote
		},
		func(c *Config) bool {
			ratio := max(1, c.Draw/c.Questions)
			n := c.Questions
			if !lower(&n, 2) {
				return false
			}
			groups := c.VerifierGroups * n / c.Questions
			c.Questions, c.Draw = n, ratio*n
			if c.VerifierGroups > 0 {
				c.VerifierGroups = max(1, groups)
			}
			return true
		},
		func(c *Config) bool { return lower(&c.MaxPrompt, shortest) },
		func(c *Config) bool { return lower(&c.Steps, 8) },
		func(c *Config) bool { return c.MaxAnswer <= 256 && lower(&c.Answers, 4) },
		func(c *Config) bool { return c.HeldOut > 32 && lower(&c.HeldOut, 32) },
	}
	together := max(1, c.CacheTokens/c.leastCache())
	rungs := []Config{c}
	for moved := true; moved; {
		moved = false
		for _, turn := range turns {
			if !turn(&c) {
				continue
			}
			c.Votes = min(c.Votes, c.Answers)
			if c.PassTokens > max(c.MaxPrompt, 1024) {
				c.PassTokens = max(c.MaxPrompt, 1024)
			}
			c.BatchTokens = max(c.longest(), min(c.BatchTokens, 1024))
			c.CacheTokens = min(c.CacheTokens, together*c.leastCache())
			rungs, moved = append(rungs, c), true
		}
	}
	return rungs
}

// lower makes a number the next smaller one of 1, 2, 3, 4, 6, 8, 12, 16, 24, ..., if that is at least the
// least.
func lower(n *int, least int) bool {
	power := 1 << (bits.Len(uint(max(*n-1, 1))) - 1) // the largest below n
	next := power
	if half := power + power/2; half < *n {
		next = half
	}
	if next < least || next >= *n {
		return false
	}
	*n = next
	return true
}

// Sized says in a line what a preset became.
func Sized(p Preset, c *Config) string {
	changes := settings.Changes(&p.Config, c)
	if len(changes) == 0 {
		return fmt.Sprintf("preset %s as it is", p.Name)
	}
	parts := make([]string, len(changes))
	for i, x := range changes {
		parts[i] = x.Name + " " + x.Value
	}
	return fmt.Sprintf("preset %s for %s: %s", p.Name, budget.Duration(3600*p.Hours), strings.Join(parts, ", "))
}
