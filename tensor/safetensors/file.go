// Package safetensors reads and writes the safetensors format: eight bytes of header length,
// a JSON header of names, dtypes, shapes and offsets, and the tensors end to end.
//
// Files are untrusted: everything the header says is checked against the file before any of
// it is used, and nothing is allocated whose size the file merely claims.
package safetensors

import (
	"fmt"
	"maps"
	"slices"

	"spell/tensor/mapped"
)

// Info is what a header says of a tensor.
type Info struct {
	DType    string // F32, BF16, … in the format's spelling
	Shape    []int  // row-major; empty for a scalar
	Elements int    // product of Shape
}

// A Source is where tensors come from: a *File, or a *Model of several.
type Source interface {
	// Names lists the tensors, sorted.
	Names() []string
	// Info describes a tensor and reports whether there is one of that name.
	Info(name string) (Info, bool)
	// Bytes returns a tensor's little-endian data, a read-only view that ends with Close; nil for
	// an unknown name.
	Bytes(name string) []byte
	// Path returns the file that holds the tensor, for messages.
	Path(name string) string
}

// A File is an open safetensors file. It is mapped, not read: pages come from the disk when
// touched, and the file must not be changed in place while it is open.
type File struct {
	path     string
	data     []byte // what follows the header
	entries  map[string]entry
	metadata map[string]string
	names    []string
	release  func() error
}

// again ends the sentences about files that no program writes.
const again = "; download it again"

// Open maps the file at path and checks its header completely.
func Open(path string) (*File, error) {
	data, release, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	f := &File{path: path, release: release}
	err = mapped.Guard(func() error {
		entries, metadata, start, err := parse(data)
		if err != nil {
			return fmt.Errorf("%w"+again, err)
		}
		f.data, f.entries, f.metadata = data[start:], entries, metadata
		return nil
	})
	if err != nil {
		release()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	f.names = slices.Sorted(maps.Keys(f.entries))
	return f, nil
}

// Names lists the tensors, sorted.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Metadata returns the header's map of strings, empty if there is none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Info describes a tensor and reports whether there is one of that name.
func (f *File) Info(name string) (Info, bool) {
	e, ok := f.entries[name]
	e.Shape = slices.Clone(e.Shape)
	return e.Info, ok
}

// Bytes returns a tensor's little-endian data, a read-only view that ends with Close; nil for an
// unknown name.
func (f *File) Bytes(name string) []byte {
	e, ok := f.entries[name]
	if !ok {
		return nil
	}
	return f.data[e.begin:e.end:e.end]
}

// Path returns the path the file was opened by, whatever the name.
func (f *File) Path(string) string { return f.path }

// Close unmaps the file; views from Bytes must not be used any more.
func (f *File) Close() error {
	if f.release == nil {
		return nil
	}
	release := f.release
	f.data, f.entries, f.names, f.release = nil, nil, nil, nil
	return release()
}
