package runner

import (
	"context"
	"errors"
	"fmt"

	"spell/rl/plural"
)

// A Stopped is a run that a signal ended.
type Stopped struct{ how string }

func (s *Stopped) Error() string { return "interrupted " + s.how }

// ExitCode is what shells know an interrupted program by.
func (*Stopped) ExitCode() int { return 130 }

// Where a run is stopped before it begins.
const (
	whileFound   = "while the checkpoint was checked; nothing was begun"
	whileRead    = "while the data was read; nothing was begun"
	whilePlanned = "while the run was planned; nothing was begun"
	whileLoaded  = "while the model was loaded; nothing was begun"
)

// A Failed is a run that came to its end and did not do what it was for.
type Failed struct{ why string }

func (f *Failed) Error() string { return f.why }

// ExitCode tells such a run from one that met an error.
func (*Failed) ExitCode() int { return 3 }

// stopped turns an error after the context has ended into a Stopped.
func stopped(ctx context.Context, err error, how string) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return &Stopped{how}
	}
	return err
}

// stop saves what a run that was interrupted has done, if anything, and says how to go on.
func (r *run) stop(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	done, total := r.recipe.Steps()
	if done > 0 && r.saved < done || r.fresh && r.saved == done {
		if err := r.save(); err != nil {
			return err
		}
	}
	outputs, kept, err := r.keep()
	if err != nil {
		return err
	}
	switch {
	case outputs > 0:
		return &Stopped{fmt.Sprintf("in step %d of %d, of which %s kept; go on with the same command and "+
			"--resume", done+1, total, plural.Are(outputs, "output"))}
	case kept:
		return &Stopped{"before the first step was done, and its first measurement is kept; go on with the same " +
			"command and --resume"}
	case done == 0:
		return &Stopped{"before the first step was done: nothing has changed and nothing is saved; begin again " +
			"with the same command"}
	}
	return &Stopped{fmt.Sprintf("after step %d of %d; go on with the same command and --resume", done, total)}
}
