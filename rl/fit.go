package rl

import (
	"fmt"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/model/rollout"
	"spell/rl/fit"
)

// Fit refuses a plan that takes more than the available bytes, and says the largest sizes that would not.
// 0 is a machine that does not tell.
func (p *Plan) Fit(b kernels.Backend, test *rollout.Options, available int64) error {
	if available <= 0 || int64(p.Total) <= available {
		return nil
	}
	fits := func(c Config) bool {
		if c.Validate() != nil {
			return false
		}
		plan, err := NewPlan(b, p.Model, p.Precision, c, test)
		return err == nil && int64(plan.Total) <= available
	}
	c := p.Config
	var ways []string
	way := func(format string, args ...any) { ways = append(ways, fmt.Sprintf(format, args...)) }
	sizes := func(c Config) string {
		return fmt.Sprintf("pass_tokens %d, batch_tokens %d and cache_tokens %d", c.PassTokens, c.BatchTokens, c.CacheTokens)
	}
	with := func(n int) Config {
		c := c
		c.PassTokens = n
		return c
	}
	of := func(m model.Moments) Config {
		c := c
		c.Moments = m
		return c
	}
	tight := c.Tight(0, 0, 0)
	roomy := true // as it is but for one setting, or for passes and cache
	if n := fit.Largest(max(c.MaxPrompt, 64), c.PassTokens, func(n int) bool { return fits(with(n)) }); n > 0 {
		way("pass_tokens %d", n)
	} else if fits(tight) {
		way("%s", sizes(tight))
	} else {
		roomy = false
	}
	if m, ok := fit.Smaller(c.Moments, func(m model.Moments) bool { return fits(of(m)) }); ok {
		way("moments %v", m)
	} else if m, ok := fit.Smaller(c.Moments, func(m model.Moments) bool { return fits(of(m).Tight(0, 0, 0)) }); ok && !roomy {
		way("moments %v (%s)", m, sizes(tight))
	}
	if !roomy {
		if n := fit.Largest(16, c.MaxPrompt, func(n int) bool { return fits(c.Tight(n, 0, 0)) }); n > 0 {
			way("max_prompt %d (%s)", n, sizes(c.Tight(n, 0, 0)))
		}
		if n := fit.Largest(2, c.Answers, func(n int) bool { return fits(c.Tight(0, n, 0)) }); n > 0 {
			fewer := c.Tight(0, n, 0)
			votes := ""
			if fewer.Votes != c.Votes {
				votes = fmt.Sprintf(" and votes %d", fewer.Votes)
			}
			way("answers %d%s (%s)", n, votes, sizes(fewer))
		}
	}
	sentence := fit.Sentence(p.Total, available)
	if test != nil {
		bare, err := NewPlan(b, p.Model, p.Precision, c, nil)
		if err != nil {
			return err
		}
		if rest := bare.Fit(b, nil, available); rest == nil {
			way("--eval 0, no tests before and after")
		} else if len(ways) == 0 {
			return fmt.Errorf("%s; with --eval 0 %w", sentence, rest)
		}
	}
	if len(ways) == 0 {
		return fmt.Errorf("%s: no prompt is short enough beside the model and the program, which take %s; use a smaller model", sentence, fit.Size(p.Bytes(Loading)+p.held(Updating)))
	}
	return fmt.Errorf("%s; it would fit with %s", sentence, strings.Join(ways, " or "))
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
