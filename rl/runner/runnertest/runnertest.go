// Package runnertest runs methods for tests, and tests that their runs can be interrupted.
package runnertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/runner"
)

// Resumes returns an error unless a run that was interrupted and goes on leaves the files of one that
// was left alone, older checkpoints and the clock aside. It interrupts so many runs below dir, at
// places spread over all in which a run looks whether it is to end. method returns the method of each.
func Resumes(dir string, places int, b kernels.Backend, p model.Precision, method func() runner.Method) error {
	straight := filepath.Join(dir, "straight")
	whole := newCountdown(0)
	if err := Run(whole, method(), straight, false, io.Discard, b, p); err != nil {
		return fmt.Errorf("left alone: %w", err)
	}
	want, err := files(straight)
	if err != nil {
		return err
	}
	for i := range places {
		out, at := filepath.Join(dir, fmt.Sprint("interrupted-", i)), 1+i*whole.looks/places
		err := Run(newCountdown(at), method(), out, false, io.Discard, b, p)
		if stopped := (*runner.Stopped)(nil); errors.As(err, &stopped) {
			err = Run(context.Background(), method(), out, begun(out), io.Discard, b, p)
		}
		var got map[string]string
		if err == nil {
			got, err = files(out)
		}
		if err == nil {
			err = difference(got, want)
		}
		if err != nil {
			return fmt.Errorf("interrupted at place %d of %d: %w", at, whole.looks, err)
		}
	}
	return nil
}

// Run runs a method in a folder as the command does with --quiet, and goes on with what is there if it
// is to resume. Results are written to out. The backend stays open.
func Run(ctx context.Context, m runner.Method, dir string, resume bool, out io.Writer, b kernels.Backend,
	p model.Precision) error {
	f, err := runner.Open(context.WithoutCancel(ctx), dir, resume, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return In(ctx, m, f, out, null, b, p)
}

// In runs a method in a folder that is open, as Run does. Notes are written to a file.
func In(ctx context.Context, m runner.Method, f *runner.Folder, out io.Writer, notes *os.File, b kernels.Backend,
	p model.Precision) error {
	return runner.Run(ctx, m, f, runner.Options{
		Open:      func() (kernels.Backend, model.Precision, error) { return unclosed{b}, p, nil },
		Available: func() int64 { return 0 },
		Console:   runner.NewConsole(out, notes, true),
	})
}

// An unclosed backend outlives the run on it.
type unclosed struct{ kernels.Backend }

func (unclosed) Close() error { return nil }

// begun reports whether a folder holds a run to go on with.
func begun(dir string) bool {
	f, err := runner.Open(context.Background(), dir, true, nil)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// A countdown is a context that ends when it is asked for the at-th time whether it has, from 1; with 0
// it never does.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	at     int

	mu    sync.Mutex
	looks int
}

func newCountdown(at int) *countdown {
	c := &countdown{at: at}
	c.Context, c.cancel = context.WithCancel(context.Background())
	return c
}

func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looks++; c.looks == c.at {
		c.cancel()
	}
	return c.Context.Err()
}

// difference returns an error that names the files that are not those wanted.
func difference(got, want map[string]string) error {
	var errs []error
	for name, text := range want {
		if now, ok := got[name]; !ok {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		} else if now != text {
			errs = append(errs, fmt.Errorf("%s differs", name))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			errs = append(errs, fmt.Errorf("%s is left over", name))
		}
	}
	return errors.Join(errs...)
}

// files returns the files below a folder, of the checkpoints those of the newest alone, without what
// depends on the clock.
func files(dir string) (map[string]string, error) {
	checkpoints, err := train.List(dir)
	if err != nil {
		return nil, err
	}
	old := map[string]bool{}
	for _, name := range checkpoints[:max(0, len(checkpoints)-1)] {
		old[name] = true
	}
	found := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && old[e.Name()]:
			return fs.SkipDir
		case e.IsDir(), e.Name() == runner.ClockFile:
			return nil
		}
		raw, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir)] = string(raw)
		return err
	})
	return found, err
}
