package lock

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// A Lock is a file in the folder that nobody else can open and that the system removes with the
// process, however that ends.
type Lock struct{ file windows.Handle }

// Acquire locks a folder for this process.
func Acquire(dir string) (*Lock, error) {
	path, err := windows.UTF16PtrFromString(filepath.Join(dir, ".lock"))
	if err != nil {
		return nil, err
	}
	const noSharing = 0
	h, err := windows.CreateFile(path, windows.GENERIC_WRITE|windows.DELETE, noSharing, nil, windows.CREATE_ALWAYS,
		windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, inUse(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--out %s cannot be written to: %w; name another folder", dir, err)
	}
	return &Lock{h}, nil
}

// Release unlocks the folder and does a last thing with it, which its file would prevent.
func (l *Lock) Release(last func()) {
	if l != nil {
		windows.CloseHandle(l.file)
	}
	last()
}
