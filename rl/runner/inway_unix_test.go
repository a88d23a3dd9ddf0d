//go:build unix

package runner

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spell/model/train"
)

// TestInTheWay: what is not a run's and has the name of what a run writes is refused by name before
// anything is done, whether the run begins or goes on, and stays.
func TestInTheWay(t *testing.T) {
	kinds := map[string]func(path string) error{
		"file":          func(p string) error { return os.WriteFile(p, []byte("mine"), 0o666) },
		"link to file":  func(p string) error { return os.Symlink(os.Args[0], p) },
		"pipe":          func(p string) error { return syscall.Mkfifo(p, 0o666) },
		"link to pipe":  func(p string) error { return os.Symlink(pipe(t), p) },
		"dangling link": func(p string) error { return os.Symlink("nowhere", p) },
		"folder":        func(p string) error { return os.Mkdir(p, 0o777) },
	}
	for _, c := range []struct{ name, allowed string }{
		{train.Name(3), "dangling link"}, // which is as good as nothing
		{MetricsFile, "file, link to file"},
		{TranscriptFile, "file, link to file"},
		{ClockFile, "file, link to file"},
		{startFile, "file, link to file"},
		{SettingsFile, "file, link to file"},
		{unfinishedFile, "file, link to file"},
	} {
		for kind, create := range kinds {
			if strings.Contains(c.allowed, kind) || kind == "folder" && c.name == train.Name(3) {
				continue
			}
			for _, resume := range []bool{false, true} {
				dir := t.TempDir()
				if resume {
					newFake().killAt(t, dir, 3, false)
				}
				path := filepath.Join(dir, c.name)
				os.Remove(path)
				must(t, create(path))
				before, err := os.Lstat(path)
				must(t, err)
				if _, err = Open(t.Context(), dir, resume, nil); err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("%s, a %s: %v", c.name, kind, err)
				}
				if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
					t.Errorf("%s, a %s, is gone", c.name, kind)
				}
			}
		}
	}
}

// pipe makes a named pipe.
func pipe(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o666))
	return path
}

// TestLogsThrownAway: logs may be links to the null device, in runs that go on too.
func TestLogsThrownAway(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{MetricsFile, TranscriptFile, ClockFile} {
		must(t, os.Symlink(os.DevNull, filepath.Join(dir, name)))
	}
	newFake().killAt(t, dir, 1, false)
	newFake().killAt(t, dir, 4, true)
	if _, err := newFake().run(t, dir, true, false); err != nil {
		t.Fatal(err)
	}
}
