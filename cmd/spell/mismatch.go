package main

import (
	"context"
	"fmt"
	"os"

	"spell/kernels"
	"spell/model"
	"spell/model/open"
	"spell/model/rollout"
	"spell/rl/budget"
)

// A comparison measures how far the results of int8 weights are from those of the weights as
// stored, and says beforehand how many bytes that takes.
type comparison struct {
	needs   func(stored model.Precision) (budget.Memory, error)
	measure func(stored *model.Weights) (fmt.Stringer, error)
}

// mismatch says on standard error how far the log-probabilities of int8 weights are from those of
// the weights as stored. It frees w, loads the others and has c measure with them: as much time again
// as scoring the same tokens takes, and the memory of the weights as they are stored. --quiet
// leaves it out, and so does a machine without that memory, with a note; other precisions have
// nothing to say.
func (e *engine) mismatch(ctx context.Context, b kernels.Backend, w *model.Weights, f *modelFlags, c comparison) error {
	if e.quiet || w.Precision != model.Int8 {
		return nil
	}
	w.Free()
	said, err := func() (fmt.Stringer, error) {
		files, err := open.Model(f.at.dir)
		if err != nil {
			return nil, err
		}
		defer files.Close()
		p := files.Stored()
		n, err := c.needs(p)
		if err != nil {
			return nil, err
		}
		if has := available(b); !n.Within(has) {
			return leftOut{n, has}, nil
		}
		stored, err := f.load(ctx, b, p)
		if err != nil {
			return nil, err
		}
		defer stored.Free()
		return c.measure(stored)
	}()
	if err != nil {
		return fmt.Errorf("measuring the mismatch of int8 weights, which --quiet leaves out: %w", err)
	}
	fmt.Fprintf(os.Stderr, "int8 beside the weights as stored: %v\n", said)
	return nil
}

// leftOut is what stands for a mismatch that the memory is too small to measure.
type leftOut struct{ need, has budget.Memory }

func (l leftOut) String() string { return "not measured, " + budget.Sentence(l.need, l.has) }

// agreement is a Mismatch and the number of places with another most likely token.
type agreement struct {
	rollout.Mismatch
	other, of int
}

func (a agreement) String() string {
	return fmt.Sprintf("%v; another most likely token in %d of %d places", a.Mismatch, a.other, a.of)
}
