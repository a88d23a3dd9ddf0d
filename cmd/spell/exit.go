package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"spell/kernels"
)

// The exit codes beside 0. exitWorse is for runs that ended without a use: nothing trained, or the
// model got worse.
const (
	exitError       = 1
	exitWorse       = 3
	exitInterrupted = 130
)

var exitCodes = fmt.Sprintf("Exit codes: 0 done, %d an error, %d the run ended but nothing trained or the model got\n"+
	"worse, %d interrupted, with what a run had learned saved. With the variable SPELL_DEBUG set, an\n"+
	"internal error prints its stack, and SIGQUIT all stacks.", exitError, exitWorse, exitInterrupted)

// debugVariable is the variable of the environment that asks for stacks.
const debugVariable = "SPELL_DEBUG"

// A coded error ends the program with an exit code of its own. Errors of other packages may have
// one, too.
type coded interface {
	error
	ExitCode() int
}

// halted is the error of a command that was interrupted.
type halted struct{}

func (halted) Error() string { return "interrupted" }
func (halted) ExitCode() int { return exitInterrupted }

// errInterrupted is what a command returns once it was interrupted and has said how to go on.
var errInterrupted error = halted{}

// A signalled error is the cause of a context that a signal cancelled.
type signalled struct{ signal os.Signal }

func (s signalled) Error() string {
	if s.signal == os.Interrupt {
		return "interrupted"
	}
	return "interrupted by " + signalName(s.signal)
}

func (signalled) ExitCode() int { return exitInterrupted }

// Is makes the cause count as the cancellation that it causes.
func (signalled) Is(target error) bool { return target == context.Canceled }

// named puts the signal for an error that only says that the context was cancelled.
func named(ctx context.Context, err error) error {
	var c coded
	if !errors.Is(err, context.Canceled) || errors.As(err, &c) {
		return err
	}
	if cause := context.Cause(ctx); errors.As(cause, &c) {
		return cause
	}
	return errInterrupted
}

// panicked returns a recovered panic as an error: the machine's failure, or a mistake of the
// program.
func panicked(r any) error {
	if f, ok := r.(*kernels.Fault); ok {
		return f
	}
	if os.Getenv(debugVariable) != "" {
		os.Stderr.Write(debug.Stack())
	}
	return fmt.Errorf("internal error: %v; please report it with the output of `spell version`", r)
}

// report says on standard error what went wrong, and returns the exit code.
func report(err error) int {
	if err == nil || errors.Is(err, errUnread) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "spell:", oneLine(err))
	var c coded
	if errors.As(err, &c) {
		return c.ExitCode()
	}
	return exitError
}

// oneLine keeps an error to one line whatever a file name in it holds.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
