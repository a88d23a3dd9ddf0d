package runner

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestBaseFolders: reading the embedded base leaves no folder, removes those that killed processes left, and
// touches none that may be at work or is somebody else's.
func TestBaseFolders(t *testing.T) {
	root := t.TempDir()
	t.Setenv("TMPDIR", root)
	t.Setenv("TMP", root) // on Windows
	old := time.Now().Add(-2 * baseLife)
	for name, gone := range map[string]bool{"spell-base-1/x": true, "spell-base-2/x": false, "base-3/x": false,
		"spell-base-mine/x": false, "spell-base-5-old/x": false, "other/spell-base-4/x": false} {
		path := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o777))
		must(t, os.WriteFile(path, nil, 0o666))
		if name != "spell-base-2/x" {
			must(t, os.Chtimes(filepath.Dir(path), old, old))
		}
		if _, err := ShapeOf(""); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); (err != nil) != gone {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := filepath.Glob(filepath.Join(root, "spell-base-*")); err != nil || len(now) != 3 {
		t.Errorf("left are %v, %v", now, err)
	}
}

// TestBaseNowhere: if there is no place for the base, the error names it and how to give another.
func TestBaseNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o666))
	for _, root := range []string{file, filepath.Join(file, "below"), file + "-none"} {
		t.Setenv("TMPDIR", root)
		t.Setenv("TMP", root)
		_, err := ShapeOf("")
		refused(t, err, root, "set TMPDIR")
		_, err = TextOf("", 0)
		refused(t, err, root, "set TMPDIR")
	}
}
