//go:build !linux && !darwin && !freebsd && !windows

package runner

// DiskFree is unknown.
func DiskFree(string) int64 { return 0 }
