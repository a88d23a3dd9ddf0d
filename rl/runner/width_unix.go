//go:build linux || darwin || freebsd

package runner

import "golang.org/x/sys/unix"

// columns returns the width of a terminal, 80 if it does not tell; 0 if the descriptor is of none.
func columns(fd uintptr) int {
	size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 {
		return 80
	}
	return int(size.Col)
}
