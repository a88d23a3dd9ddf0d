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

// basePrefix begins the names of the folders that the embedded base is read from.
const basePrefix = "spell-base-"

// baseLife is how long such a folder may be at work. It takes a moment to read it.
const baseLife = time.Hour

// extractBase writes the embedded base to a temporary folder that the caller removes, and removes those
// that killed processes left.
func extractBase() (string, error) {
	root := os.TempDir()
	sweepBases(root, time.Now().Add(-baseLife))
	dir, err := os.MkdirTemp(root, basePrefix)
	if err == nil {
		if err = nano.Extract(dir); err != nil {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		return "", fmt.Errorf("the embedded base is read from a temporary folder, and none can be made in %s: %w; "+
			"set TMPDIR to a folder that can be written to", root, atomicfile.Cause(err))
	}
	return dir, nil
}

// ModelFolder returns path or, if it is empty, a folder that holds the embedded base until done is
// called.
func ModelFolder(path string) (at string, done func(), err error) {
	if path != "" {
		return path, func() {}, nil
	}
	dir, err := extractBase()
	return dir, func() { os.RemoveAll(dir) }, err
}

// sweepBases removes the folders of the embedded base in root that were made before a time. What cannot be
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
