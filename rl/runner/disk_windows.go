package runner

import "golang.org/x/sys/windows"

// DiskFree returns the bytes that this user may still write to the volume of dir; 0 if it does not
// tell.
func DiskFree(dir string) int64 {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(path, &free, nil, nil) != nil {
		return 0
	}
	return max(1, int64(free))
}
