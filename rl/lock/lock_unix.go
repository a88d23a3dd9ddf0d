//go:build unix && !solaris && !aix

package lock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"spell/tensor/atomicfile"
)

// A Lock is held on a folder itself, so that it leaves no file behind and ends with the process,
// however that ends.
type Lock struct{ dir *os.File }

// Acquire locks a folder for this process. A file system that has no locks is used without.
func Acquire(dir string) (*Lock, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("--out %s: %w", dir, atomicfile.Cause(err))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, inUse(dir)
	}
	return &Lock{f}, nil
}

// Release unlocks the folder after a last thing is done with it.
func (l *Lock) Release(last func()) {
	last()
	if l != nil {
		l.dir.Close()
	}
}
