package tensor

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

const pageSize = 1 << 16 // the allocation granularity

// mapMemory reserves and commits zeroed memory; pages become resident when touched.
func mapMemory(size int) ([]byte, func() error, error) {
	p, err := windows.VirtualAlloc(0, uintptr(size), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, nil, err
	}
	release := func() error { return windows.VirtualFree(p, 0, windows.MEM_RELEASE) }
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&p))), size), release, nil
}
