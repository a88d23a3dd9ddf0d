package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// A progress is one line on a terminal that is written over again. Where standard error is no
// terminal, or --quiet was given, it writes nothing.
type progress struct {
	w     io.Writer
	prior string // what stands before the phase
	phase string
	since time.Time
	shown time.Time
}

func newProgress(quiet bool) *progress {
	p := &progress{w: os.Stderr}
	if info, err := os.Stderr.Stat(); quiet || err != nil || info.Mode()&os.ModeCharDevice == 0 {
		p.w = nil
	}
	return p
}

// update shows a phase, how much of it is done and its rate in tokens a second.
func (p *progress) update(phase string, done, total, tokens int) {
	now := time.Now()
	if phase != p.phase {
		p.phase, p.since, p.shown = phase, now, time.Time{}
	}
	if p.w == nil || now.Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = now
	rate := ""
	if s := now.Sub(p.since).Seconds(); s > 0.2 {
		rate = fmt.Sprintf("  %.0f tokens/s", float64(tokens)/s)
	}
	fmt.Fprintf(p.w, "\r\033[K%s%s %d/%d%s", p.prior, phase, done, total, rate)
}

// clear empties the line, before something else is printed.
func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
