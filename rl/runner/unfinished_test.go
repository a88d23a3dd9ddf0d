package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnfinished: what a step that was cut short had sampled is not sampled again, if it is of the step
// that is made next and can be read; else it is passed over, and the step is made anew to the same bytes.
func TestUnfinished(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for _, c := range []struct {
		name    string
		change  func(text string) string
		sampled int // in steps 4 and 5
		note    bool
	}{
		{"as it was", func(s string) string { return s }, 3, false},
		{"two of three", func(string) string { return "{\"done\":3}\n[30,31]\n" }, 4, false},
		{"of an earlier step", func(string) string { return "{\"done\":2}\n[1,2,3]\n" }, 6, false},
		{"of a later step", func(string) string { return "{\"done\":4}\n[1,2,3]\n" }, 6, false},
		{"empty", func(string) string { return "" }, 6, true},
		{"no JSON", func(string) string { return "\x00\x00\x00\n" }, 6, true},
		{"a header without its end", func(string) string { return `{"done":3}` }, 6, true},
		{"a header alone", func(string) string { return "{\"done\":3}\n" }, 6, true},
		{"cut off", func(s string) string { return s[:len(s)-4] }, 6, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if said := newFake().stopAt(t, dir, 4, false); !strings.Contains(said, "of which 3 outputs are kept") {
				t.Errorf("it says %q", said)
			}
			at := filepath.Join(dir, unfinishedFile)
			raw, err := os.ReadFile(at)
			must(t, err)
			must(t, os.WriteFile(at, []byte(c.change(string(raw))), 0o666))
			f := newFake()
			s := f.mustRun(t, dir, true)
			if f.sampled != c.sampled {
				t.Errorf("%d samples, want %d", f.sampled, c.sampled)
			}
			if note := strings.Contains(s.err, "step 4 is made anew") && strings.Contains(s.err, at); note != c.note {
				t.Errorf("it says %q", s.err)
			}
			equal(t, files(t, dir), files(t, plain))
		})
	}
}

// TestFirstMeasurement: a run that is stopped between its first measurement and the end of its
// first step keeps the measurement, however often it is stopped there, unless it cannot be read. It
// ends with the files of a run that was left alone, and so does one that was killed after that.
func TestFirstMeasurement(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	at := func(hook func(f *fake) *func(int) error) func(t *testing.T, dir string, resume bool) (string, int) {
		return func(t *testing.T, dir string, resume bool) (string, int) {
			f := newFake()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			*hook(f) = func(int) error { cancel(); return ctx.Err() }
			_, err := f.runUnder(ctx, t, dir, resume, true)
			if stopped := (*Stopped)(nil); !errors.As(err, &stopped) {
				t.Fatalf("error %v", err)
			}
			return err.Error(), f.tests
		}
	}
	drawing := at(func(f *fake) *func(int) error { return &f.draw })
	updating := at(func(f *fake) *func(int) error { return &f.step })
	for name, stops := range map[string][]func(*testing.T, string, bool) (string, int){
		"before samples":        {drawing},
		"before samples, twice": {drawing, drawing},
		"with samples":          {updating},
		"in both, in turn":      {drawing, updating, drawing, updating},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, stop := range stops {
				say, tests := stop(t, dir, i > 0)
				if first := i == 0; (tests == 1) != first || !strings.HasSuffix(say, "the same command and --resume") {
					t.Errorf("stop %d: %d measurements, %q", i, tests, say)
				}
			}
			if _, err := newFake().run(t, dir, false, true); err == nil || !strings.Contains(err.Error(), "--resume") {
				t.Errorf("beginning anew gives %v", err)
			}
			killed := t.TempDir()
			must(t, os.CopyFS(killed, os.DirFS(dir)))
			f := newFake()
			f.mustRun(t, dir, true)
			if f.tests != 2 { // after steps 3 and 5
				t.Errorf("%d measurements after it", f.tests)
			}
			equal(t, files(t, dir), files(t, plain))
			newFake().killAt(t, killed, 2, true)
			newFake().mustRun(t, killed, true)
			equal(t, files(t, killed), files(t, plain))
		})
	}
	for name, text := range map[string]string{
		"no JSON":                "\x00\n",
		"a state of other data":  `{"done":0,"log":{},"state":{"step":0,"data":"other","tested":0}}` + "\nnull\n",
		"a state of another run": `{"done":0,"log":{},"state":[]}` + "\nnull\n",
	} {
		dir := t.TempDir()
		drawing(t, dir, false)
		must(t, os.WriteFile(filepath.Join(dir, unfinishedFile), []byte(text), 0o666))
		f := newFake()
		f.mustRun(t, dir, true)
		if f.tests != 3 {
			t.Errorf("%s: %d measurements", name, f.tests)
		}
		equal(t, files(t, dir), files(t, plain))
	}
}
