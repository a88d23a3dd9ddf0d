package lock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// A Lock is a file in the folder, or beside the file, that nobody else can open and that the system
// removes with the process, however that ends.
type Lock struct{ file windows.Handle }

// Acquire locks a folder or a file for this process.
func Acquire(path string) (*Lock, error) {
	name := path + ".lock"
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		name = filepath.Join(path, ".lock")
	}
	raw, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	const noSharing = 0
	h, err := windows.CreateFile(raw, windows.GENERIC_WRITE|windows.DELETE, noSharing, nil, windows.CREATE_ALWAYS,
		windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, inUse(path)
	}
	if err != nil {
		return nil, fmt.Errorf("--out %s cannot be written to: %w; name another", path, err)
	}
	return &Lock{h}, nil
}

// Release unlocks it and does a last thing with it, which the lock's file would prevent.
func (l *Lock) Release(last func()) {
	if l != nil {
		windows.CloseHandle(l.file)
	}
	last()
}
