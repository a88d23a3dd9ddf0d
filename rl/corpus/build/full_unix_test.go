//go:build unix

package build

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// limitFiles keeps every file below so many bytes: the nearest thing to a full disk that needs no privileges.
func limitFiles(n int64) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: uint64(n), Max: uint64(n)}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// TestFullDisk: a disk that is full gives one sentence, and with room again the work goes on to the same bytes.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	o := options(in, bench, filepath.Join(dir, "out"))
	run(t, o)
	want := files(t, o.Out)
	if err := os.RemoveAll(o.Out); err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"3000", "40000", "200000", "300000"} {
		said := killed(t, dir, "disk "+size)
		if !strings.Contains(said, "ended: ") || !strings.Contains(said, syscall.EFBIG.Error()) ||
			!strings.Contains(said, "the same command goes on") || strings.Contains(said, "\n") {
			t.Errorf("at %s bytes: %q", size, said)
		}
	}
	run(t, o)
	alike(t, "with room again", files(t, o.Out), want)
}
