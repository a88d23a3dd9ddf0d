package runner

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"spell/model/train"
)

// TestUntidied: an old checkpoint that cannot be removed, whatever of it is protected, is noted once and
// keeps its name and files, and the run goes on to its end.
func TestUntidied(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not bind this user")
	}
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for _, mode := range []os.FileMode{0o555, 0o500, 0} {
		dir := t.TempDir()
		old := filepath.Join(dir, train.Name(2))
		var before map[string]string
		f := newFake()
		f.Keep = 1
		f.step = func(n int) error {
			if n == 3 {
				before = files(t, old)
				must(t, os.Chmod(old, mode))
			}
			return nil
		}
		s := f.mustRun(t, dir, false)
		must(t, os.Chmod(old, 0o777))
		notes := 1
		if mode == 0 { // it cannot be told from a broken one, which stays anyway
			notes = 0
		}
		if n := strings.Count(s.err, old+" cannot be removed and stays: permission denied"); n != notes {
			t.Errorf("mode %o: it says %q", mode, s.err)
		}
		equal(t, files(t, old), before)
		last := filepath.Join(train.Name(5), "model.safetensors")
		if files(t, dir)[last] != files(t, plain)[last] {
			t.Errorf("mode %o: the run came to other weights", mode)
		}
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("mode %o: %s is left", mode, e.Name())
			}
		}
	}
}
