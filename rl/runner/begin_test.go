package runner

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"spell/model/train"
)

// TestBeginFails: a recipe that cannot be made is an error and no panic, whether the run begins, goes
// on from a checkpoint or begins once more, and once it can be made the run comes to the same bytes.
func TestBeginFails(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for _, c := range []struct {
		name   string
		before func(dir string)
		resume bool
		names  string // what the error is about
	}{
		{"at first", func(string) {}, false, ""},
		{"from a checkpoint", func(dir string) { newFake().killAt(t, dir, 4, false) }, true, train.Name(2)},
		{"without a checkpoint", func(dir string) { newFake().killAt(t, dir, 1, false) }, true, startFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.before(dir)
			f := newFake()
			f.begin = errors.New("the prompts are not there")
			_, err := f.run(t, dir, c.resume, true)
			if !errors.Is(err, f.begin) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("the error is %v, want %q about %q", err, f.begin, c.names)
			}
			newFake().mustRun(t, dir, c.resume)
			equal(t, files(t, dir), files(t, plain))
		})
	}
}

// TestComplete: a run that has made all its steps says so when it is asked for again, and one that has
// not does not; both say where the model is.
func TestComplete(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		steps            int
		resume, complete bool
	}{{5, false, false}, {5, true, true}, {5, true, true}, {7, true, false}, {7, true, true}} {
		f := newFake()
		f.Steps = c.steps
		out := f.mustRun(t, dir, c.resume).out
		want := fmt.Sprintf("the run is complete, %d of %d steps", c.steps, c.steps)
		if strings.Contains(out, want) != c.complete || !strings.Contains(out, "model: "+dir) {
			t.Errorf("%+v: it says %q", c, out)
		}
	}
}
