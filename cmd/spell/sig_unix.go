//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileSizeSignal turns a write beyond the file size limit into an error to report.
func ignoreFileSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }
