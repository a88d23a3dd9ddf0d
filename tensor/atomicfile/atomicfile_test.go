package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// only fails the test unless dir holds exactly the named file with these contents.
func only(t *testing.T, dir, name, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != name {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	big := strings.Repeat("0123456789", bufferSize/4)
	for _, s := range []string{"first", "", big, "last"} {
		if err := Write(path, text(s)); err != nil {
			t.Fatal(err)
		}
		only(t, dir, "a", s)
	}
}

func TestErrorKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, text("old")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := Write(path, func(w io.Writer) error {
		w.Write(bytes.Repeat([]byte{1}, 3*bufferSize))
		return boom
	})
	if !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "writing "+path+": ") {
		t.Errorf("error is %v", err)
	}
	only(t, dir, "a", "old")

	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		Write(path, func(io.Writer) error { panic("boom") })
	}()
	only(t, dir, "a", "old")
}

func TestStaleTemporaryIsNotReused(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, ".a.tmp0")
	if err := os.WriteFile(stale, []byte("stale"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "a"), text("new")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(stale); string(got) != "stale" {
		t.Errorf("another writer's temporary file now holds %q", got)
	}
}

func TestPermissionBitsSurvive(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no permission bits")
	}
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, text("x")); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("mode is now %v", info.Mode())
	}
}

func TestSentences(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, dir + string(filepath.Separator), filepath.Join(dir, "missing", "a")} {
		err := Write(path, text("x"))
		if err == nil || !strings.HasPrefix(err.Error(), "writing "+path+": ") ||
			strings.Contains(err.Error(), "tmp0") {
			t.Errorf("error is %v", err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v was left behind", entries)
	}
}
