package sft

import (
	"spell/kernels"
	"spell/model"
	"spell/rl/fit"
)

// Fit refuses a run on model m that takes more than the available bytes, and says the largest pass_tokens and moments
// with which it would not. 0 is a machine that does not tell.
func (c *Config) Fit(b kernels.Backend, m model.Config, p model.Precision, available int64) error {
	return fit.Passes(c.PassTokens, max(16, c.MaxTokens), c.Moments, available, func(tokens int, moments model.Moments) (int, error) {
		try, p := *c, p
		try.PassTokens, p.Moments = tokens, moments
		return fit.Trainer(b, m, p, try.Optim, try.room())
	})
}
