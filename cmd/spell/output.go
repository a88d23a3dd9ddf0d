package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// errUnread is the error of writing results that nobody reads any more, as those of
// `spell … | head -1`.
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

// Fd returns the descriptor of the file below, by which a run knows a terminal and its width.
func (o *output) Fd() uintptr { return descriptor(o.w) }

// A closed output is standard output that the program was started without.
type closed struct{}

func (closed) Write([]byte) (int, error) {
	return 0, errors.New("it is closed; leave out >&-, or send it to a file or to /dev/null")
}

// standardOutput returns the output of the program, which fails if there is none.
func standardOutput() *output {
	if outputClosed() {
		return &output{w: closed{}}
	}
	return &output{w: os.Stdout}
}

// isClosed reports whether the output was never there.
func (o *output) isClosed() bool { return o.w == io.Writer(closed{}) }

// A steady writer never fails: what a run says is dropped if it cannot be written, and the run goes
// on. The output below it keeps the error.
type steady struct{ w io.Writer }

func (s steady) Write(p []byte) (int, error) {
	s.w.Write(p)
	return len(p), nil
}

// Fd returns that of the output below.
func (s steady) Fd() uintptr { return descriptor(s.w) }

// descriptor returns that of a file, or none.
func descriptor(w io.Writer) uintptr {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
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

// printJSON writes a value as indented JSON.
func printJSON(out io.Writer, value any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// printTable writes lines of a name and a value, aligned.
func printTable(out io.Writer, lines [][2]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
	}
	return w.Flush()
}

// known returns s, or "unknown" if it is empty.
func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
