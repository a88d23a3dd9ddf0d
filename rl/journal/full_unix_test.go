//go:build unix

package journal

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

const limited = "JOURNAL_TEST_LIMITED"

// TestFull: a write that the disk does not take leaves the file as it was, however much of it went
// through. A limit on the size of files stands for the disk, in a process of its own.
func TestFull(t *testing.T) {
	if os.Getenv(limited) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestFull$")
		c.Env = append(os.Environ(), limited+"=yes")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	const most = 1 << 12
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", "notes\n", "notes", strings.Repeat("x", most), strings.Repeat("x", most-1)} {
		l := newLog(t)
		if before != "" {
			l.write(before)
		}
		if err := l.Append("log", line{Text: strings.Repeat("y", most)}); err == nil ||
			!strings.Contains(err.Error(), "earlier lines and checkpoints are untouched") {
			t.Errorf("error %v", err)
		}
		if got := l.text(); got != before {
			t.Errorf("%d bytes became %d", len(before), len(got))
		}
		if len(before) < most-100 {
			l.add(1)
			if want := strings.TrimRight(before, "\n"); !strings.HasSuffix(l.text(), own(1)) ||
				!strings.HasPrefix(l.text(), want) {
				t.Errorf("%q", l.text())
			}
		}
	}
}
