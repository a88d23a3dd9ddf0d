package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A Console shows a run: results on one writer, how far it is on another. On a terminal that is one
// line, written over again; elsewhere a line a minute with the time of day, so that a log file tells
// whether the run is alive.
type Console struct {
	Quiet bool // results alone

	out, err io.Writer
	terminal bool       // err is one
	width    func() int // of out, in characters; 0: no terminal
	now      func() time.Time

	mu     sync.Mutex
	began  time.Time // this process's first step
	start  time.Time // the step at work
	shown  time.Time
	listed time.Time // when a step's line was last printed
	step   int       // at work, from 1; 0 while none is
	total  int
	made   int // steps this process has made
	share  float64
	live   bool // a line stands on the terminal
	reps   []*Report
	motion motion
}

// NewConsole returns a console that prints results to out and progress to err. A reader of out that
// goes away ends nothing. If out has an Fd as files have and is a terminal, results keep to its width.
func NewConsole(out io.Writer, err *os.File, quiet bool) *Console {
	c := &Console{Quiet: quiet, out: out, err: err, now: time.Now}
	if info, e := err.Stat(); e == nil {
		c.terminal = info.Mode()&os.ModeCharDevice != 0
	}
	c.width = func() int { return 0 }
	if f, ok := out.(interface{ Fd() uintptr }); ok {
		c.width = func() int { return columns(f.Fd()) }
	}
	return c
}

// Printf prints a result.
func (c *Console) Printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	fmt.Fprintf(c.out, format, args...)
}

// Note prints a sentence that is no result: what was found, and what is done about it.
func (c *Console) Note(sentence string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	fmt.Fprintln(c.err, "spell:", strings.Join(strings.Fields(sentence), " "))
}

// Watch says once the context ends that the run is stopping, since that can take a moment.
func (c *Console) Watch(ctx context.Context) (stop func() bool) {
	if c.Quiet {
		return func() bool { return false }
	}
	return context.AfterFunc(ctx, func() { c.Note("stopping, and saving what was done; once more ends at once") })
}

// Progress shows how far something is that comes before the steps, such as reading documents.
func (c *Console) Progress(doing string, done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.motion.move(place{doing: doing, far: fmt.Sprintf("%d of %d", done, total)}, c.now())
	if !c.due() {
		return
	}
	c.line(fmt.Sprintf("%s  %d/%d", doing, done, total))
}

// Done takes the progress line off the terminal, for what others print there.
func (c *Console) Done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
}

// begin starts step n of total; 0 is a measurement.
func (c *Console) begin(n, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start = c.now()
	if c.began.IsZero() {
		c.began, c.shown, c.listed = c.start, c.start, c.start
	}
	c.step, c.total, c.share = n, total, 0
	c.motion.move(place{doing: "beginning", step: n, steps: total}, c.start)
}

// end ends the step and returns what it took.
func (c *Console) end() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	if c.step > 0 {
		c.made++
	}
	return c.now().Sub(c.start)
}

// show is the Show of the step at work. The share only grows.
func (c *Console) show(doing string, share float64, tokens int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share = max(c.share, min(share, 1))
	c.motion.move(place{doing: doing, step: c.step, steps: c.total, far: fmt.Sprintf("%.0f%%", 100*c.share),
		tokens: tokens}, c.now())
	if !c.due() {
		return
	}
	var s strings.Builder
	if c.step > 0 {
		fmt.Fprintf(&s, "step %d/%d  %2.0f%%", c.step, c.total, 100*c.share)
		if left := c.left(); left > 0 {
			fmt.Fprintf(&s, "  %s left", about(left))
		}
	} else {
		fmt.Fprintf(&s, "%2.0f%%", 100*c.share)
	}
	if doing != "" {
		s.WriteString("  " + doing)
	}
	if took := c.now().Sub(c.start).Seconds(); took > 0.2 && tokens > 0 {
		fmt.Fprintf(&s, "  %.0f tokens/s", float64(tokens)/took)
	}
	c.line(s.String())
}

// left estimates the time to the end of the run: from the steps this process has made, and before the
// first of them from the share of it that is done. 0 is unknown.
func (c *Console) left() time.Duration {
	now := c.now()
	in := now.Sub(c.start)
	if c.made == 0 && (c.share < 0.02 || in < 2*time.Second) {
		return 0
	}
	each := float64(in) / max(c.share, 1e-9)
	if c.made > 0 {
		each = float64(c.start.Sub(c.began)) / float64(c.made)
	}
	return time.Duration(each * (float64(c.total-c.step) + 1 - c.share))
}

// report shows the line of a step. Steps of less than two seconds share a line, the last one's.
func (c *Console) report(rep *Report, done, total int) {
	if c.Quiet {
		return
	}
	c.mu.Lock()
	c.reps = append(c.reps, rep)
	now := c.now()
	due := rep.Always || done == total || now.Sub(c.listed) >= 2*time.Second
	var text string
	if due {
		tokens := 0
		for _, r := range c.reps {
			tokens += r.Tokens
		}
		took := now.Sub(c.listed).Seconds()
		rate := ""
		if len(c.reps) > 0 && tokens > 0 && took > 0 {
			rate = fmt.Sprintf("  %.0f tokens/s", float64(tokens)/took)
		}
		text = fitted(rep.Metrics, rate, c.width())
		c.reps, c.listed = nil, now
	}
	c.mu.Unlock()
	if due {
		c.Printf("%s\n", text)
	}
}

// due reports whether a progress line is to be shown: ten times a second on a terminal, once a minute
// elsewhere.
func (c *Console) due() bool {
	every := time.Minute
	if c.terminal {
		every = 100 * time.Millisecond
	}
	now := c.now()
	if c.shown.IsZero() && !c.terminal {
		c.shown = now
	}
	if c.Quiet || now.Sub(c.shown) < every {
		return false
	}
	c.shown = now
	return true
}

// line shows a progress line.
func (c *Console) line(text string) {
	if !c.terminal {
		fmt.Fprintf(c.err, "%s  %s\n", c.now().Format(time.TimeOnly), text)
		return
	}
	fmt.Fprintf(c.err, "\r\033[K%s", text)
	c.live = true
}

// clear empties the line on the terminal before something else is printed.
func (c *Console) clear() {
	if c.live {
		fmt.Fprint(c.err, "\r\033[K")
		c.live = false
	}
}

// about rounds a duration to what is worth reading.
func about(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
