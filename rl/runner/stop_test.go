package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model/nano"
	"spell/model/train"
)

// TestStopped: wherever a run is interrupted, it says where, and how to go on, saves what was done and
// nothing else, and going on leaves the files of a run that was left alone.
func TestStopped(t *testing.T) {
	base := t.TempDir()
	must(t, nano.Extract(nano.World, base))
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for _, c := range []struct {
		name  string
		at    func(f *fake, cancel func())
		say   []string
		saved []string
		begun bool // whether --resume goes on
	}{
		{"before reading", func(f *fake, cancel func()) { cancel() }, []string{"while the data was read", "nothing was begun"}, nil, false},
		{"while reading", func(f *fake, cancel func()) { f.read = func() error { cancel(); return nil } },
			[]string{"while the data was read"}, nil, false},
		{"while loading", func(f *fake, cancel func()) { f.model, f.load = base, cancel },
			[]string{"while the model was loaded", "nothing was begun"}, nil, false},
		{"in the first measurement", func(f *fake, cancel func()) { f.test = func(int) error { cancel(); return nil } },
			[]string{"before the first step was done", "begin again with the same command"}, nil, false},
		{"in the first step", func(f *fake, cancel func()) { f.step = func(int) error { cancel(); return nil } },
			[]string{"in step 1 of 5, of which 3 outputs are kept", "--resume"}, nil, true},
		{"in a step", func(f *fake, cancel func()) {
			f.step = func(n int) error {
				if n == 4 {
					cancel()
				}
				return nil
			}
		}, []string{"in step 4 of 5, of which 3 outputs are kept", "--resume"}, []string{train.Name(2),
			train.Name(3)}, true},
		{"in a measurement", func(f *fake, cancel func()) {
			f.test = func(n int) error {
				if n == 3 {
					cancel()
				}
				return nil
			}
		}, []string{"after step 3 of 5", "--resume"}, []string{train.Name(2), train.Name(3)}, true},
		{"in the last measurement", func(f *fake, cancel func()) {
			f.test = func(n int) error {
				if n == 5 {
					cancel()
				}
				return nil
			}
		}, []string{"after step 5 of 5", "--resume"}, []string{train.Name(4), train.Name(5)}, true},
		{"while saving", func(f *fake, cancel func()) {
			f.saving = func(n int) error {
				if n == 4 {
					cancel()
				}
				return nil
			}
		}, []string{"in step 5 of 5", "--resume"}, []string{train.Name(2), train.Name(4)}, true},
		{"while the last is saved", func(f *fake, cancel func()) {
			saves := 0
			f.saving = func(n int) error {
				if n == 5 {
					if saves++; saves == 2 { // with its measurement
						cancel()
					}
				}
				return nil
			}
		}, nil, []string{train.Name(4), train.Name(5)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, f := filepath.Join(t.TempDir(), "run"), newFake()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.at(f, cancel)
			_, err := f.runUnder(ctx, t, dir, false, true)
			var stopped *Stopped
			if c.say == nil { // nothing was left to do
				must(t, err)
			} else if !errors.As(err, &stopped) || stopped.ExitCode() != 130 || !strings.HasPrefix(err.Error(),
				"interrupted ") {
				t.Fatalf("error %v", err)
			}
			for _, s := range c.say {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q lacks %q", err, s)
				}
			}
			if have, err := train.List(dir); err != nil || !slices.Equal(have, c.saved) {
				t.Errorf("%v, %v; want %v", have, err, c.saved)
			}
			if f.steps == 0 && f.tests == 0 && f.sampled == 0 && f.test == nil {
				if _, err := os.Stat(dir); err == nil {
					t.Errorf("%s was made", dir)
				}
			}
			newFake().mustRun(t, dir, c.begun)
			equal(t, files(t, dir), files(t, plain))
		})
	}
}

// TestErrors: an error that is no interruption is returned as it is, whatever the context says, and the
// folder can be gone on with.
func TestErrors(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	broken := errors.New("it broke")
	for name, at := range map[string]func(f *fake){
		"read": func(f *fake) { f.read = func() error { return broken } },
		"step": func(f *fake) { f.step = func(int) error { return broken } },
		"test": func(f *fake) {
			f.test = func(n int) error {
				if n == 3 {
					return broken
				}
				return nil
			}
		},
		"save": func(f *fake) {
			f.saving = func(n int) error {
				if n == 4 {
					return broken
				}
				return nil
			}
		},
	} {
		dir, f := filepath.Join(t.TempDir(), "run"), newFake()
		at(f)
		if _, err := f.run(t, dir, false, true); !errors.Is(err, broken) {
			t.Errorf("%s: error %v", name, err)
		}
		have, err := train.List(dir)
		must(t, err)
		_, err = os.Stat(filepath.Join(dir, startFile))
		newFake().mustRun(t, dir, len(have) > 0 || err == nil) // the lock is free
		equal(t, files(t, dir), files(t, plain))
	}
}

// TestFolderInTheWay: a log that cannot be written ends the run with its name.
func TestFolderInTheWay(t *testing.T) {
	for _, name := range []string{MetricsFile, TranscriptFile, ClockFile} {
		dir := t.TempDir()
		newFake().killAt(t, dir, 4, false)
		at := filepath.Join(dir, name)
		must(t, os.RemoveAll(at))
		must(t, os.Mkdir(at, 0o777))
		_, err := newFake().run(t, dir, true, false)
		refused(t, err, at)
		must(t, os.Remove(at))
		newFake().mustRun(t, dir, true)
	}
}

// TestOpenStops: whoever goes on sees how far the newest checkpoint is checked, and ends that. A
// run that nobody asked to go on with is refused without its tensors being read.
func TestOpenStops(t *testing.T) {
	dir := t.TempDir()
	newFake().killAt(t, dir, 5, false)
	before := files(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var shown string
	f, err := Open(ctx, dir, true, func(doing string, done, total int) { shown = doing })
	must(t, err)
	f.Close()
	if newest := filepath.Join(dir, train.Name(4)); !strings.Contains(shown, newest) {
		t.Errorf("shown is %q", shown)
	}
	_, err = Open(ctx, dir, true, func(string, int, int) { cancel() })
	if s := (*Stopped)(nil); !errors.As(err, &s) {
		t.Errorf("error %v", err)
	}
	brokenInside["a weight that is another"](t, filepath.Join(dir, train.Name(4)))
	_, err = Open(t.Context(), dir, false, func(string, int, int) { t.Error("tensors are read") })
	refused(t, err, "holds a run already")
	brokenInside["a weight that is another"](t, filepath.Join(dir, train.Name(4)))
	equal(t, files(t, dir), before)
}
