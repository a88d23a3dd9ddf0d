package records

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"

	"spell/rl/jsonl"
)

// A Cursor reads records of a file again, one at a time. Of a file that Read went through alone, as gzip and
// Parquet, it goes on behind the record before, and begins anew for one that is further ahead.
type Cursor struct {
	reader Reader
	path   string

	next func() (passed, bool) // nil: the file is not open
	stop func()
	last int // the number of the record before
}

// passed is a record that a cursor comes by, or the error that ends the file.
type passed struct {
	at    Place
	value any
	err   error
}

// Cursor returns one for the records that r reads from a file. Record and Bad of r are not called.
func (r *Reader) Cursor(path string) *Cursor {
	return &Cursor{reader: Reader{Known: r.Known, Columns: r.Columns, Form: r.Form}, path: path}
}

// Record returns the record at a place that Read gave. Of a file that has changed since, it may be another
// one, or there is an error.
func (c *Cursor) Record(at Place) (any, error) {
	if at.size == 0 {
		return c.forward(at)
	}
	f, err := os.Open(c.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, at.size)
	if _, err := f.ReadAt(text, at.offset); err != nil {
		return nil, err
	}
	if at.header != nil {
		return at.header.read(text)
	}
	return jsonl.ParseWords(bytes.TrimSpace(text))
}

// forward reads on to a record.
func (c *Cursor) forward(at Place) (any, error) {
	if c.next == nil || at.Number <= c.last {
		c.Close()
		c.next, c.stop = iter.Pull(c.all)
	}
	for {
		p, ok := c.next()
		if !ok {
			p.err = fmt.Errorf("%v is behind the end of the file", at)
		}
		if p.err != nil {
			c.Close()
			return nil, p.err
		}
		if c.last = p.at.Number; p.at.Number == at.Number && p.at.Unit == at.Unit {
			return p.value, nil
		}
	}
}

// all goes through the records.
func (c *Cursor) all(yield func(passed) bool) {
	enough := errors.New("enough")
	r := c.reader
	r.Record = func(at Place, v any) error {
		if !yield(passed{at: at, value: v}) {
			return enough
		}
		return nil
	}
	r.Bad = func(Place, error) error { return nil }
	if _, err := r.Read(c.path); err != nil && !errors.Is(err, enough) {
		yield(passed{err: err})
	}
}

// Close closes the file. A cursor that is used again opens it anew.
func (c *Cursor) Close() {
	if c.stop != nil {
		c.stop()
	}
	c.next, c.stop, c.last = nil, nil, 0
}
