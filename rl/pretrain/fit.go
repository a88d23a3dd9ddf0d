package pretrain

import (
	"fmt"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl"
)

// need is the memory of a run of the recipe on b, as it would map it on a backend without memory.
func (r *Recipe) need(b kernels.Backend, p model.Precision) (int, error) {
	t := tally.New(tally.Rates{})
	m := r.Model(r.Vocab, 0)
	w, err := model.NewWeights(t, m, p, true)
	if err != nil {
		return 0, err
	}
	trainer, err := train.New(t, w, r.Optim, r.room(), true)
	if err != nil {
		return 0, err
	}
	n := t.Bytes() + model.Total(rl.Program(&m))
	if host, ok := b.(tally.Host); ok {
		// What products read, a short step shows.
		short := forest.Forest{{Parent: -1, Tokens: make([]int32, 2), Loss: true}}
		if _, err := trainer.Accumulate(short, func([]forest.Scored, []model.Stat, []float32, []float32) {}); err != nil {
			return 0, err
		}
		packs, scratch := w.Beside(host, t)
		n += packs.Bytes + scratch.Bytes
	}
	return n, nil
}

// Fit refuses a recipe that takes more than the available bytes, and says the largest pass_tokens with which it
// would not. 0 is a machine that does not tell.
func (r *Recipe) Fit(b kernels.Backend, p model.Precision, available int64) error {
	n, err := r.need(b, p)
	if err != nil || available <= 0 || int64(n) <= available {
		return err
	}
	sentence := fmt.Sprintf("the run needs %s and %s are available", rl.Size(n), rl.Size(int(available)))
	most := rl.Largest(64, r.PassTokens, func(n int) bool {
		c := *r
		c.PassTokens = n
		bytes, err := c.need(b, p)
		return err == nil && int64(bytes) <= available
	})
	if most == 0 {
		return fmt.Errorf("%s: no pass_tokens is small enough; the recipe needs a smaller model", sentence)
	}
	return fmt.Errorf("%s; it would fit with pass_tokens %d", sentence, most)
}
