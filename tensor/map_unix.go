//go:build unix

package tensor

import "golang.org/x/sys/unix"

const pageSize = 1 << 16 // the largest page of the platforms we build for

// mapMemory maps zeroed anonymous memory; pages are reserved, not yet resident.
func mapMemory(size int) ([]byte, func() error, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	advise(b)
	return b, func() error { return unix.Munmap(b) }, nil
}
