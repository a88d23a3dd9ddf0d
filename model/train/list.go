package train

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/tensor/atomicfile"
)

// Prefixes of a checkpoint's name: not complete or half removed, and set aside for another of its
// name.
const (
	unfinished = ".writing-"
	replaced   = ".replaced-"
)

// Name returns the directory name of the checkpoint after n steps of a run.
func Name(n int) string { return fmt.Sprintf("step-%06d", n) }

// step returns the steps in the name of a checkpoint, and whether it is one.
func step(name string) (n int, ok bool) {
	_, err := fmt.Sscanf(name, "step-%d", &n)
	return n, err == nil && name == Name(n)
}

// CheckName returns an error if dir holds something of a checkpoint's name that is somebody else's: what is
// no folder, and a folder with files of which none tells of a checkpoint, not even of a broken one.
func CheckName(dir, name string) error {
	if _, ok := step(name); !ok {
		return nil
	}
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder, and checkpoints are folders of such names; move it away or choose "+
			"another --out", path)
	}
	held, err := os.ReadDir(path)
	if err != nil || len(held) == 0 || ownOptimizer(path) || ownState(path) {
		return nil
	}
	return fmt.Errorf("%s holds %s and is not a checkpoint, and checkpoints are folders of such names; move it away "+
		"or choose another --out", path, held[0].Name())
}

// List names the complete checkpoints in dir, oldest first; a link to a directory is one, too. One
// that a killed save had set aside, and no other had replaced yet, is put back.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name, aside := strings.CutPrefix(e.Name(), replaced)
		if _, ok := step(name); !ok {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err != nil || !info.IsDir() {
			continue
		}
		if aside {
			final := filepath.Join(dir, name)
			if _, err := os.Lstat(final); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := os.Rename(filepath.Join(dir, e.Name()), final); err != nil {
				return nil, err
			}
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { // step-1000000 is longer
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return names, nil
}

// Untidied is the error of a Save that is complete but could not remove old checkpoints.
type Untidied struct{ err error }

func (u *Untidied) Error() string { return u.err.Error() }

// Unwrap returns what could not be removed and why.
func (u *Untidied) Unwrap() error { return u.err }

// Whole names the checkpoints in dir, of at most n steps, that Verify finds whole, oldest first.
func Whole(dir string, n int) ([]string, error) {
	all, err := List(dir)
	return slices.DeleteFunc(all, func(name string) bool {
		at, _ := step(name)
		return at > n || Verify(filepath.Join(dir, name)) != nil
	}), err
}

// tidy removes what killed saves left and, of the checkpoints up to step n, all but the newest
// keep. Of a link it removes the link. Directories that no Save has completed it leaves alone, and
// so it does checkpoints that are broken or named as broken, which count for none, and those of later
// steps, which are of another run. What cannot be removed keeps its name, and the error is an Untidied.
func tidy(dir string, n, keep int, broken []string) error {
	all, err := Whole(dir, n)
	if err != nil {
		return &Untidied{err}
	}
	all = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(broken, name) })
	old := all[:max(0, len(all)-keep)]
	entries, err := os.ReadDir(dir)
	if err != nil {
		return &Untidied{err}
	}
	var failed []error
	for _, e := range entries {
		name := e.Name()
		half, isHalf := strings.CutPrefix(name, unfinished)
		whole, isReplaced := strings.CutPrefix(half, replaced)
		if _, ok := step(whole); !ok || !isHalf && !isReplaced && !slices.Contains(old, name) {
			continue
		}
		if err := remove(dir, name, isHalf); err != nil {
			failed = append(failed, fmt.Errorf("%s cannot be removed and stays: %w", filepath.Join(dir, name),
				atomicfile.Cause(err)))
		}
	}
	if len(failed) > 0 {
		return &Untidied{errors.Join(failed...)}
	}
	return nil
}

// remove removes a checkpoint, or what is left of one. A whole one is renamed first: what is killed half-way
// through its removal is no checkpoint. If it cannot be removed it gets its name back.
func remove(dir, name string, half bool) error {
	path := filepath.Join(dir, name)
	if half {
		return os.RemoveAll(path)
	}
	gone := filepath.Join(dir, unfinished+name)
	if err := os.RemoveAll(gone); err != nil {
		return err
	}
	if err := os.Rename(path, gone); err != nil {
		return err
	}
	err := os.RemoveAll(gone) // of a link, the link
	if err != nil {
		os.Rename(gone, path)
	}
	return err
}
