package runner

import "golang.org/x/sys/windows"

// columns returns the width of a console; 0 if the descriptor is of none.
func columns(fd uintptr) int {
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(fd), &info) != nil {
		return 0
	}
	return int(info.Size.X)
}
