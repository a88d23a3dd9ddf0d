package main

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memory returns the machine's memory in bytes, all of which may be had; 0 if the system does not
// tell.
func memory() (total, available int64) {
	var kib uint64
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetPhysicallyInstalledSystemMemory")
	if ok, _, _ := call.Call(uintptr(unsafe.Pointer(&kib))); ok == 0 {
		return 0, 0
	}
	return int64(kib << 10), int64(kib << 10)
}
