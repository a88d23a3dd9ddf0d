package spell

import (
	"fmt"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/rl/fit"
)

// Fit returns an error if a plan takes more than the available bytes; it says the largest sizes
// that would not. 0 bytes are a machine that does not tell. A run that goes on is told of nothing
// that it may not change.
func (p *Plan) Fit(b kernels.Backend, available int64, resuming bool) error {
	if available <= 0 || int64(p.Total) <= available {
		return nil
	}
	f := &fitter{plan: p, backend: b, available: available}
	roomy := f.passes()
	sentence := fit.Sentence(p.Total, available)
	if resuming {
		if !roomy {
			return fmt.Errorf("%s: a run that goes on may change pass_tokens, batch_tokens and cache_tokens, "+
				"and none are small enough; resume it where there is more memory", sentence)
		}
		return fmt.Errorf("%s; it would fit with %s", sentence, strings.Join(f.ways, " or "))
	}
	f.moments(roomy)
	if !roomy {
		f.shorter()
	}
	if err := f.untested(sentence); err != nil {
		return err
	}
	if len(f.ways) == 0 {
		return fmt.Errorf("%s: no prompt is short enough beside the model and the program, which take %s; use a "+
			"smaller model",
			sentence, fit.Size(p.Bytes(Loading)+p.held(Updating)))
	}
	return fmt.Errorf("%s; it would fit with %s", sentence, strings.Join(f.ways, " or "))
}

// A fitter looks for settings with which a plan fits.
type fitter struct {
	plan      *Plan
	backend   kernels.Backend
	available int64
	ways      []string
}

func (f *fitter) way(format string, args ...any) {
	f.ways = append(f.ways, fmt.Sprintf(format, args...))
}

// fits reports whether a run with such a configuration fits.
func (f *fitter) fits(c Config) bool {
	if c.Validate() != nil {
		return false
	}
	plan, err := NewPlan(f.backend, f.plan.Model, f.plan.Precision, c)
	return err == nil && int64(plan.Total) <= f.available
}

// passes looks for smaller passes, or else for the smallest cache and passes. It reports whether
// these would do, with all else as it is.
func (f *fitter) passes() bool {
	c := f.plan.Config
	with := func(n int) Config {
		c := c
		c.PassTokens = n
		return c
	}
	n := fit.Largest(max(c.MaxPrompt, 64), c.PassTokens, func(n int) bool { return f.fits(with(n)) })
	tight := c.Tight(0, 0, 0)
	switch {
	case n > 0:
		f.way("pass_tokens %d", n)
	case f.fits(tight):
		f.way("%s", sizes(tight))
	default:
		return false
	}
	return true
}

// sizes names those of passes and cache.
func sizes(c Config) string {
	return fmt.Sprintf("pass_tokens %d, batch_tokens %d and cache_tokens %d", c.PassTokens, c.BatchTokens,
		c.CacheTokens)
}

// moments looks for smaller moments, with the smallest sizes if no sizes alone would do.
func (f *fitter) moments(roomy bool) {
	c := f.plan.Config
	of := func(m model.Moments) Config {
		c := c
		c.Moments = m
		return c
	}
	tight := func(m model.Moments) bool { return f.fits(of(m).Tight(0, 0, 0)) }
	if m, ok := fit.Smaller(c.Moments, func(m model.Moments) bool { return f.fits(of(m)) }); ok {
		f.way("moments %v", m)
	} else if m, ok := fit.Smaller(c.Moments, tight); ok && !roomy {
		f.way("moments %v (%s)", m, sizes(c.Tight(0, 0, 0)))
	}
}

// shorter looks for shorter prompts, and for fewer answers.
func (f *fitter) shorter() {
	c := f.plan.Config
	if n := fit.Largest(16, c.MaxPrompt, func(n int) bool { return f.fits(c.Tight(n, 0, 0)) }); n > 0 {
		f.way("max_prompt %d (%s)", n, sizes(c.Tight(n, 0, 0)))
	}
	if n := fit.Largest(2, c.Answers, func(n int) bool { return f.fits(c.Tight(0, n, 0)) }); n > 0 {
		fewer := c.Tight(0, n, 0)
		votes := ""
		if fewer.Votes != c.Votes {
			votes = fmt.Sprintf(" and votes %d", fewer.Votes)
		}
		f.way("answers %d%s (%s)", n, votes, sizes(fewer))
	}
}

// untested looks at the run without its tests. If nothing else was found, the error says what more
// that would take.
func (f *fitter) untested(sentence string) error {
	c := f.plan.Config
	if c.HeldOut == 0 {
		return nil
	}
	c.HeldOut = 0
	bare, err := NewPlan(f.backend, f.plan.Model, f.plan.Precision, c)
	if err != nil {
		return err
	}
	if rest := bare.Fit(f.backend, f.available, false); rest == nil {
		f.way("--eval 0, no tests before and after")
	} else if len(f.ways) == 0 {
		return fmt.Errorf("%s; with --eval 0 %w", sentence, rest)
	}
	return nil
}

// held is the memory of the model that is touched in a later stage.
func (p *Plan) held(s Stage) int {
	n := 0
	for _, it := range p.Items {
		if it.Owner == "model" && it.Since == s {
			n += it.Bytes
		}
	}
	return n
}
