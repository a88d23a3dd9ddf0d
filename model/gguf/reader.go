package gguf

import (
	"fmt"
	"slices"

	"spell/tensor/gguf"
)

// A reader reads the metadata of one architecture. It keeps the first error.
type reader struct {
	*gguf.File
	architecture string
	err          error
}

// key returns the full name of a value of the architecture.
func (r *reader) key(name string) string { return r.architecture + "." + name }

// has reports whether there is such a value of the architecture.
func (r *reader) has(name string) bool {
	_, ok := r.Value(r.key(name))
	return ok
}

// whole returns a whole number, which must be there: one, or a list of equal ones for the blocks.
func (r *reader) whole(name string) int {
	if list, err := r.Wholes(r.key(name)); err == nil && len(list) > 0 {
		if slices.Min(list) != slices.Max(list) && r.err == nil {
			r.err = fmt.Errorf("reading %s: %s differs between blocks, which is not supported", r.Path(), r.key(name))
		}
		return list[0]
	}
	n, err := r.Whole(r.key(name))
	if r.err == nil {
		r.err = err
	}
	return n
}

// wholeOr returns a whole number, or otherwise.
func (r *reader) wholeOr(name string, otherwise int) int {
	if !r.has(name) {
		return otherwise
	}
	return r.whole(name)
}

// float returns a number, or otherwise.
func (r *reader) float(name string, otherwise float64) float64 {
	if !r.has(name) {
		return otherwise
	}
	v, err := r.Float(r.key(name))
	if r.err == nil {
		r.err = err
	}
	return v
}
