package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"spell/model/nano"
	"spell/tensor/atomicfile"
)

// basePrefix begins the names of the folders that embedded bases are read from.
const basePrefix = "spell-base-"

// baseLife is how long such a folder may be at work. It takes a moment to read it.
const baseLife = time.Hour

// extractBase writes an embedded base to a temporary folder that the caller removes, and removes those
// that killed processes left.
func extractBase(name string) (string, error) {
	root := os.TempDir()
	sweepBases(root, time.Now().Add(-baseLife))
	dir, err := os.MkdirTemp(root, basePrefix)
	if err == nil {
		if err = nano.Extract(name, dir); err != nil {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		return "", fmt.Errorf("an embedded base is read from a temporary folder, and none can be made in %s: %w; "+
			"set TMPDIR to a folder that can be written to", root, atomicfile.Cause(err))
	}
	return dir, nil
}

// ModelFolder returns path or, if it names an embedded base, a folder that holds it until done is called.
func ModelFolder(path string) (at string, done func(), err error) {
	name, ok := nano.Named(path)
	if !ok {
		return path, func() {}, nano.Check(path)
	}
	dir, err := extractBase(name)
	return dir, func() { os.RemoveAll(dir) }, err
}

// placed returns a path as a run writes it down, to be found from anywhere: that of the embedded base for the
// generated world is empty.
func placed(path string) (string, error) {
	switch name, ok := nano.Named(path); {
	case name == nano.World:
		return "", nil
	case ok:
		return path, nil
	}
	return filepath.Abs(path)
}

// sweepBases removes the folders of embedded bases in root that were made before a time. What cannot be
// removed, being another user's, stays.
func sweepBases(root string, before time.Time) {
	left, err := filepath.Glob(filepath.Join(quoted(root), basePrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		_, number, _ := strings.Cut(filepath.Base(dir), basePrefix)
		if strings.Trim(number, "0123456789") != "" { // somebody's copy
			continue
		}
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && info.ModTime().Before(before) {
			os.RemoveAll(dir)
		}
	}
}
