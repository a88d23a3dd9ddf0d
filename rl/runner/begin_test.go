package runner

import (
	"errors"
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
