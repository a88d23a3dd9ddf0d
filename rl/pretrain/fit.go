package pretrain

import (
	"spell/kernels"
	"spell/model"
	"spell/model/rollout"
	"spell/rl/fit"
	"spell/tokenizer"
)

// need returns the bytes of a run of the recipe on b, those of its gates included.
func (r *Config) need(b kernels.Backend, p model.Precision) (int, error) {
	p.Moments = r.Moments
	var tests []rollout.Options
	if r.gated() {
		tests = append(tests, r.testing(0))
	}
	return fit.Trainer(b, r.Model(r.Vocab, 0), p, r.Optim, r.limits(), tests...)
}

// Fit refuses a recipe that takes more than the available bytes, and says the largest pass_tokens and, unless
// it goes on, the moments with which it would not; and one whose passes do not hold what its stages make
// with the tokenizer. 0 is a machine that does not tell.
func (r *Config) Fit(b kernels.Backend, p model.Precision, tok *tokenizer.Tokenizer, available int64, resuming bool) error {
	least, err := r.least(tok)
	if err != nil {
		return err
	}
	return fit.Passes(r.PassTokens, least, r.Moments, resuming, available, func(tokens int, moments model.Moments) (int, error) {
		c := *r
		c.PassTokens, c.Moments = tokens, moments
		return c.need(b, p)
	})
}
