// Package fit refuses runs that take more memory than there is, at the start and with the sizes that
// would do; nothing later asks how much is free. What a run takes, the program says itself, run on a
// backend without memory.
package fit

import (
	"context"
	"fmt"
	"strings"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/model/train"
)

// Trainer returns the bytes that a run takes on b which trains a model and, beside the trainer, has an
// engine for each of tests to generate with it.
func Trainer(b kernels.Backend, m model.Config, p model.Precision, o train.Optim, room forest.Limits,
	tests ...rollout.Options) (int, error) {
	t := tally.New(tally.Rates{})
	w, err := model.NewWeights(t, m, p, model.Training)
	if err != nil {
		return 0, err
	}
	trainer, err := train.New(t, w, o, room, model.KeepActivations)
	if err != nil {
		return 0, err
	}
	for _, test := range tests {
		if _, err := rollout.New(t, w, test); err != nil {
			return 0, err
		}
	}
	n := t.Bytes() + Program.Bytes
	if host, ok := b.(kernels.HostMemory); ok {
		// What products read, a short step shows; generating reads no other weights.
		short := forest.Forest{{Parent: -1, Tokens: make([]int32, 2), Scored: true}}
		none := func([]forest.ScoredToken, []model.Stat, []float32, []float32) {}
		if _, err := trainer.Accumulate(context.Background(), short, none); err != nil {
			return 0, err
		}
		packs, scratch := w.HostMemory(host, t.Weights())
		n += packs.Bytes + scratch.Bytes
	}
	return n, nil
}

// Need returns the bytes of a run with passes of so many tokens and those moments.
type Need func(tokens int, m model.Moments) (int, error)

// Passes refuses a run that needs more than the available bytes with passes of so many tokens and those
// moments, and says the most tokens, at least as many as least, with which it would not, and the smaller
// moments, unless these are fixed, as in a run that goes on. 0 available bytes are a machine that does
// not tell.
func Passes(tokens, least int, moments model.Moments, fixed bool, available int64, need Need) error {
	n, err := need(tokens, moments)
	if err != nil || available <= 0 || int64(n) <= available {
		return err
	}
	fits := func(tokens int, m model.Moments) bool {
		n, err := need(tokens, m)
		return err == nil && int64(n) <= available && !(fixed && m != moments)
	}
	var ways []string
	if most := Largest(least, tokens, func(tokens int) bool { return fits(tokens, moments) }); most > 0 {
		ways = append(ways, fmt.Sprintf("pass_tokens %d", most))
	}
	if m, ok := Smaller(moments, func(m model.Moments) bool { return fits(tokens, m) }); ok {
		ways = append(ways, "moments "+m.String())
	} else if m, ok := Smaller(moments, func(m model.Moments) bool { return fits(least, m) }); ok && ways == nil {
		ways = append(ways, fmt.Sprintf("moments %v and pass_tokens %d", m, least))
	}
	if ways == nil && fixed {
		return fmt.Errorf("%s: no pass_tokens is small enough; go on with the run where more is free", Sentence(n, available))
	}
	if ways == nil {
		return fmt.Errorf("%s: no pass_tokens is small enough; use a smaller model", Sentence(n, available))
	}
	return fmt.Errorf("%s; it would fit with %s", Sentence(n, available), strings.Join(ways, " or "))
}

// Smaller returns the largest moments below those of a run with which it fits, if there are any.
func Smaller(than model.Moments, fits func(model.Moments) bool) (model.Moments, bool) {
	for m := than + 1; m <= model.Int8Moments; m++ {
		if fits(m) {
			return m, true
		}
	}
	return than, false
}

// Sentence returns what a run that does not fit needs.
func Sentence(need int, available int64) string {
	return fmt.Sprintf("the run needs %s and %s are available%s", Size(need), Size(int(available)), Limit)
}

// Limit says what keeps the available memory below the machine's, behind a space; empty if nothing does.
// The program sets it when it starts.
var Limit string

// Program is what a run holds outside of arenas, about: the program itself, tokenizer and documents.
// Parameters pass between files and arenas in small pieces.
var Program = model.MemoryItem{Name: "tokenizer, documents and the like", Bytes: 200 << 20,
	GrowsWith: "documents; a guess"}

// Largest returns the largest number from lo to hi that fits, found by steps of a sixteenth and halves; 0
// if none does. If a trainer has room to keep activations, less may take more, so that what fits is not
// all numbers up to one.
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

// Size returns a number of bytes as it is read.
func Size(n int) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
