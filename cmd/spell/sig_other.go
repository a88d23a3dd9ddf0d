//go:build !unix

package main

import (
	"errors"
	"io"
	"os"
	"syscall"
)

func ignoreSignals() {}

// stopSignals returns the signals that ask the program to end.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// asksStatus reports whether a signal asks a run where it is: none does.
func asksStatus(os.Signal) bool { return false }

// signalName returns what the system calls a signal.
func signalName(s os.Signal) string { return s.String() }

// unread reports whether err, of writing, says that nobody reads any more: a closed pipe.
func unread(_ io.Writer, err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, errNoData)
}

// errNoData is what Windows says of a pipe that is being closed (ERROR_NO_DATA).
const errNoData = syscall.Errno(232)
