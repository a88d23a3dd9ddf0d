package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// errUnread is the error of writing results that nobody reads any more, as those of `spell … | head
// -1`.
var errUnread = errors.New("nobody reads standard output any more")

// An output is standard output that keeps the first error of writing, for the end of the program,
// and fails from there on.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("writing to standard output: %w", err)
		if unread(o.w, err) {
			o.err = errUnread
		}
	}
	return n, o.err
}

// A steady writer never fails: what a run says is dropped where it cannot be written, and the run
// goes on. The output below it keeps the error.
type steady struct{ w io.Writer }

func (s steady) Write(p []byte) (int, error) {
	s.w.Write(p)
	return len(p), nil
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
