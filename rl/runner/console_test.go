package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
)

// A clocked console has a clock that tests set, and says what it wrote.
type clocked struct {
	*Console
	t        *testing.T
	time     time.Time
	out      bytes.Buffer
	progress *os.File
}

func newClocked(t *testing.T, terminal, quiet bool) *clocked {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "err")
	must(t, err)
	t.Cleanup(func() { f.Close() })
	c := &clocked{t: t, time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), progress: f}
	c.Console = NewConsole(&c.out, f, quiet)
	if c.terminal {
		t.Error("a file is taken for a terminal")
	}
	c.terminal = terminal
	c.now = func() time.Time { return c.time }
	return c
}

func (c *clocked) lines() []string {
	c.t.Helper()
	raw, err := os.ReadFile(c.progress.Name())
	must(c.t, err)
	return strings.FieldsFunc(string(raw), func(r rune) bool { return r == '\n' || r == '\r' })
}

// play makes steps of a minute and a half each, shown every second, whose share sometimes falls.
func (c *clocked) play(steps int) {
	for n := 1; n <= steps; n++ {
		c.begin(n, steps)
		for s := range 90 {
			c.time = c.time.Add(time.Second)
			share := float64(s+1) / 90
			if s%7 == 3 {
				share /= 2
			}
			c.show("sampling", share, 100*(s+1))
		}
		c.end()
		c.report(&Report{Metrics: &fakeLine{n, "step"}, Tokens: 9000}, n, steps)
	}
}

// TestProgress: without a terminal there is a line a minute, with the time of day; on one a line is
// written over. The share only grows, and the time that is left is known before the first step ends and
// near to what it takes.
func TestProgress(t *testing.T) {
	const steps = 6
	for _, terminal := range []bool{false, true} {
		c := newClocked(t, terminal, false)
		c.play(steps)
		line := regexp.MustCompile(`^(\d\d:\d\d:\d\d  |\x1b\[K)step (\d)/6  ( \d|\d\d|100)%` +
			`(  (\d+) (s|min) left)?  sampling  100 tokens/s$`)
		step, share, shown, first := 0, 0, 0, false
		for _, l := range c.lines() {
			if l == "\x1b[K" {
				continue
			}
			m := line.FindStringSubmatch(l)
			if m == nil || strings.HasPrefix(l, "\x1b") != terminal {
				t.Fatalf("a line of %q", l)
			}
			n, _ := strconv.Atoi(m[2])
			p, _ := strconv.Atoi(strings.TrimSpace(m[3]))
			if n < step || n == step && p < share {
				t.Errorf("%q behind step %d, %d%%", l, step, share)
			}
			step, share, shown = n, p, shown+1
			if m[4] == "" {
				continue
			}
			first = first || n == 1
			left, _ := strconv.ParseFloat(m[5], 64)
			if m[6] == "min" {
				left *= 60
			}
			if want := 90 * (steps - float64(n-1) - float64(p)/100); left < want*0.6-40 || left > want*2.2+40 {
				t.Errorf("%q, and %.0f s are left", l, want)
			}
		}
		if !first {
			t.Error("the first step says nothing of the time left")
		}
		if most := 90 * steps; !terminal && shown != most/60 || terminal && shown != most {
			t.Errorf("%d lines in %d seconds", shown, most)
		}
		if got := strings.Count(c.out.String(), "\n"); got != steps {
			t.Errorf("%q", c.out.String())
		}
	}
}

// TestReports: results of less than two seconds share a line, but for those that are to be seen.
func TestReports(t *testing.T) {
	c := newClocked(t, false, false)
	for n := 1; n <= 10; n++ {
		c.begin(n, 10)
		c.time = c.time.Add(500 * time.Millisecond)
		c.end()
		c.report(&Report{Metrics: &fakeLine{n, "step"}, Tokens: 100, Always: n == 5}, n, 10)
	}
	if got, want := c.out.String(), "step 4  200 tokens/s\nstep 5  200 tokens/s\nstep 9  200 tokens/s\nstep 10  "+
		"200 tokens/s\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestQuiet: results alone are printed.
func TestQuiet(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		c := newClocked(t, terminal, true)
		c.Progress("reading", 1, 2)
		c.play(3)
		c.Progress("reading", 2, 2)
		ctx, cancel := context.WithCancel(context.Background())
		stop := c.Watch(ctx)
		cancel()
		if stop() {
			t.Error("it would be said that the run is stopping")
		}
		c.Printf("a result\n")
		if got := c.out.String() + strings.Join(c.lines(), "|"); got != "a result\n" {
			t.Errorf("%q", got)
		}
	}
}

// TestNotes: a note is one line, and what stands on the terminal goes before it.
func TestNotes(t *testing.T) {
	c := newClocked(t, true, false)
	c.begin(1, 2)
	c.time = c.time.Add(time.Second)
	c.show("sampling", 0.1, 0)
	c.Note("a name with\na line end")
	if got := c.lines(); len(got) != 2 || got[1] != "\x1b[Kspell: a name with a line end" {
		t.Errorf("%q", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := c.Watch(ctx)
	cancel()
	late := time.Now().Add(10 * time.Second)
	for !strings.Contains(strings.Join(c.lines(), ""), "stopping") {
		time.Sleep(time.Millisecond)
		if time.Now().After(late) {
			t.Fatal("nothing is said of stopping")
		}
	}
	if stop() {
		t.Error("it would be said again")
	}
}

// gone is a reader that went away.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestGone: readers of results and of progress that go away end nothing.
func TestGone(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	defer w.Close()
	r.Close()
	dir, plain := t.TempDir(), t.TempDir()
	folder, err := Open(t.Context(), dir, false, nil)
	must(t, err)
	defer folder.Close()
	err = Run(t.Context(), newFake(), folder, Options{Available: func() int64 { return 0 },
		Console: NewConsole(io.Writer(gone{}), w, false),
		Open: func() (kernels.Backend, model.Precision, error) {
			b, err := cpu.New(cpu.Options{Workers: 1})
			return b, model.F32, err
		}})
	must(t, err)
	newFake().mustRun(t, plain, false)
	equal(t, files(t, dir), files(t, plain), ClockFile)
	if _, err := os.Stat(filepath.Join(dir, ClockFile)); err != nil {
		t.Error(err)
	}
}

// TestAbout: durations are rounded to what is worth reading.
func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 90 * time.Second: "90 s", 119 * time.Second: "119 s",
		150 * time.Second: "2 min",
		119 * time.Minute: "119 min", 3 * time.Hour: "3 h", 47 * time.Hour: "47 h", 72 * time.Hour: "3 days"} {
		if got := about(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestUnnamed: before a step has said what it does, its line has no gap for it.
func TestUnnamed(t *testing.T) {
	c := newClocked(t, true, false)
	c.begin(1, 2)
	c.time = c.time.Add(time.Second)
	c.show("", 0, 50)
	if got := c.lines(); len(got) != 1 || got[0] != "\x1b[Kstep 1/2   0%  50 tokens/s" {
		t.Errorf("%q", got)
	}
}

// TestDone: a progress line is taken off a terminal once, and off nothing else.
func TestDone(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		c := newClocked(t, terminal, false)
		c.Progress("checking", 1, 3)
		c.time = c.time.Add(time.Hour)
		c.Progress("checking", 2, 3)
		c.Done()
		c.Done()
		raw, err := os.ReadFile(c.progress.Name())
		must(t, err)
		const cleared = "checking  2/3\r\x1b[K"
		if text := string(raw); strings.HasSuffix(text, cleared) != terminal || strings.Count(text, "2/3") != 1 {
			t.Errorf("terminal %t: %q", terminal, text)
		}
	}
}
