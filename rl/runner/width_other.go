//go:build !linux && !darwin && !freebsd && !windows

package runner

// columns is unknown.
func columns(uintptr) int { return 0 }
