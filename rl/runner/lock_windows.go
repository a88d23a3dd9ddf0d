package runner

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// A lock is a file in the folder that nobody else can open and that the system removes with the
// process, however that ends.
type lock struct{ file windows.Handle }

// acquire locks a folder for this process.
func acquire(dir string) (*lock, error) {
	path, err := windows.UTF16PtrFromString(filepath.Join(dir, ".lock"))
	if err != nil {
		return nil, err
	}
	const noSharing = 0
	h, err := windows.CreateFile(path, windows.GENERIC_WRITE|windows.DELETE, noSharing, nil, windows.CREATE_ALWAYS,
		windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, fmt.Errorf("%s is in use by another run; wait for its end or choose another --out", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--out %s cannot be written to: %w; name another folder", dir, err)
	}
	return &lock{h}, nil
}

// release unlocks the folder and does a last thing with it, which its file would prevent.
func (l *lock) release(last func()) {
	if l != nil {
		windows.CloseHandle(l.file)
	}
	last()
}
