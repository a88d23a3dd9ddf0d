//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ignoreSignals turns a write beyond the file size limit, and one to a pipe that nobody reads any
// more, into errors.
func ignoreSignals() { signal.Ignore(syscall.SIGXFSZ, syscall.SIGPIPE) }

// stopSignals returns the signals that ask the program to end. A hangup does not if it is ignored
// already, as under nohup, and SIGQUIT (Ctrl-\) prints Go's stacks if SPELL_DEBUG is set. Of commands that
// tell where they are, SIGQUIT asks that; see asksStatus.
func stopSignals() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if os.Getenv(debugVariable) == "" {
		list = append(list, syscall.SIGQUIT)
	}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// asksStatus reports whether a signal asks a run where it is.
func asksStatus(s os.Signal) bool { return s == syscall.SIGQUIT }

// signalName returns what manuals call a signal.
func signalName(s os.Signal) string {
	if n, ok := s.(syscall.Signal); ok && unix.SignalName(n) != "" {
		return unix.SignalName(n)
	}
	return s.String()
}

// unread reports whether err, of writing to w, says that nobody reads any more: a closed pipe, or a
// terminal that has gone.
func unread(w io.Writer, err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EIO) && terminal(w)
}
