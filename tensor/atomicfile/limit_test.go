//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFileSizeLimit writes past RLIMIT_FSIZE in a child process, the nearest thing to a full
// disk that needs no privileges. The Go runtime takes SIGXFSZ and does nothing, so that the
// write returns EFBIG.
func TestFileSizeLimit(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_LIMITED"); path != "" {
		limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		err := Write(path, func(w io.Writer) error {
			_, err := w.Write(make([]byte, 4*bufferSize))
			return err
		})
		if !errors.Is(err, syscall.EFBIG) {
			t.Fatalf("error is %v, not EFBIG", err)
		}
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_LIMITED="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the child failed: %v\n%s", err, out)
	}
	only(t, dir, "a", "old")
}
