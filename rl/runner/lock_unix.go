//go:build unix && !solaris && !aix

package runner

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"spell/tensor/atomicfile"
)

// A lock is held on a folder itself, so that it leaves no file behind and ends with the process,
// however that ends.
type lock struct{ dir *os.File }

// acquire locks a folder for this process. A file system that has no locks is used without.
func acquire(dir string) (*lock, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("--out %s: %w", dir, atomicfile.Cause(err))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("%s is in use by another run; wait for its end or choose another --out", dir)
	}
	return &lock{f}, nil
}

// release unlocks the folder after a last thing is done with it.
func (l *lock) release(last func()) {
	last()
	if l != nil {
		l.dir.Close()
	}
}
