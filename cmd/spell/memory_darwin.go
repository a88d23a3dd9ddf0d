package main

import "golang.org/x/sys/unix"

// memory returns the machine's memory in bytes, all of which may be had since that of other
// programs goes to disk; 0 if the system does not tell.
func memory() (total, available int64) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, 0
	}
	return int64(n), int64(n)
}
