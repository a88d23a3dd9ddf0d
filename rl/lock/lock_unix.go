//go:build unix && !solaris && !aix

package lock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"spell/tensor/atomicfile"
)

// A Lock is held on a folder or a file itself, so that it leaves no file behind and ends with the
// process, however that ends.
type Lock struct{ held *os.File }

// Acquire locks a folder or a file for this process. A file system that has no locks is used without.
func Acquire(path string) (*Lock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--out %s: %w", path, atomicfile.Cause(err))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, inUse(path)
	}
	return &Lock{f}, nil
}

// Release unlocks it after a last thing is done with it.
func (l *Lock) Release(last func()) {
	last()
	if l != nil {
		l.held.Close()
	}
}
