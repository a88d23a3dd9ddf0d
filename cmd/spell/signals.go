package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
)

// heedKey is the key under which a context has what heed and onStatus set.
type heedKey struct{}

// heeding is what a command does with signals.
type heeding struct {
	stops atomic.Bool            // on the first that asks it to stop
	tell  atomic.Pointer[func()] // on one that asks where it is
}

// interruptible returns a context that the first signal to stop cancels, with a signalled error as
// its cause, once the command heeds it; before, and at a second signal, the program ends at once.
// stop gives the signals back.
func interruptible(parent context.Context) (ctx context.Context, stop func()) {
	var h heeding
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, heedKey{}, &h))
	arrived, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(arrived, stopSignals()...)
	go func() {
		why := ""
		for {
			select {
			case s := <-arrived:
				if tell := h.tell.Load(); tell != nil && asksStatus(s) {
					(*tell)()
					continue
				}
				if why != "" || !h.stops.Load() {
					fmt.Fprintf(os.Stderr, "\nspell: %v%s\n", signalled{s}, why)
					os.Exit(exitInterrupted)
				}
				cancel(signalled{s})
				why = " again: ended at once, without saving"
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(arrived)
		close(done)
		cancel(nil)
	}
}

// heed makes the first signal from here on cancel ctx, a command's, and no more: the command
// watches ctx, and has something to save or to print.
func heed(ctx context.Context) {
	if h, ok := ctx.Value(heedKey{}).(*heeding); ok {
		h.stops.Store(true)
	}
}

// onStatus makes SIGQUIT, where there is such a signal, call tell, which says where a command is, instead of
// ending the command.
func onStatus(ctx context.Context, tell func()) {
	if h, ok := ctx.Value(heedKey{}).(*heeding); ok {
		h.tell.Store(&tell)
	}
}
