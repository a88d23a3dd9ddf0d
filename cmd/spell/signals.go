package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
)

// heedKey is the key under which a context has what heed sets.
type heedKey struct{}

// interruptible returns a context that the first signal to stop cancels, with a signalled error as
// its cause, once the command heeds it; before, and at a second signal, the program ends at once.
// stop gives the signals back.
func interruptible(parent context.Context) (ctx context.Context, stop func()) {
	var heeded atomic.Bool
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, heedKey{}, &heeded))
	arrived, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(arrived, stopSignals()...)
	go func() {
		why := ""
		for {
			select {
			case s := <-arrived:
				if why != "" || !heeded.Load() {
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
	if heeded, ok := ctx.Value(heedKey{}).(*atomic.Bool); ok {
		heeded.Store(true)
	}
}
