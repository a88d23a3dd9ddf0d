//go:build linux || darwin || freebsd

package runner

import "golang.org/x/sys/unix"

// DiskFree returns the bytes that this user may still write to the file system of dir; 0 if it does
// not tell.
func DiskFree(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return max(1, int64(s.Bavail)*int64(s.Bsize))
}
