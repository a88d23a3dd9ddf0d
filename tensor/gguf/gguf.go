// Package gguf reads and writes GGUF, the file format of llama.cpp: metadata of named values, a table
// of tensors, and their elements, plain or quantized in blocks.
//
// Files are untrusted: every length and offset is checked against the file before it is used, and
// nothing is allocated whose size the file merely claims. Strings and lists stay in the mapped file
// until they are asked for.
//
// The format is described in docs/gguf.md of the ggml repository, the blocks of quantized types in
// its ggml-common.h.
package gguf

import (
	"fmt"
	"slices"

	"spell/tensor/mapped"
)

// The first bytes of a file, the versions read, and the version written.
const (
	magic      = "GGUF"
	oldest     = 2 // 1 had shorter lengths, and no program has written it since 2023
	newest     = 3
	defaultRun = 32 // general.alignment where the metadata has none
)

// A File is an open GGUF file. It is mapped, not read, and must not be changed while it is open.
type File struct {
	path    string
	data    []byte // the whole file
	values  map[string]Value
	tensors map[string]Tensor
	names   []string // of the tensors, in the order of the file
	release func() error
}

// A Tensor is what the table says of one. Offset is that of its first byte in the file.
type Tensor struct {
	Name   string
	Type   Type
	Shape  []int // row-major: the last is the one that is contiguous
	Offset int
}

// Elements returns the product of the shape.
func (t *Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Open maps the file at path and checks its metadata and its table of tensors completely.
func Open(path string) (*File, error) {
	data, release, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	f := &File{path: path, data: data, values: map[string]Value{}, tensors: map[string]Tensor{}, release: release}
	if err := mapped.Guard(f.parse); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return f, nil
}

// Close unmaps the file. Values and tensors must not be read any more.
func (f *File) Close() error {
	if f.release == nil {
		return nil
	}
	release := f.release
	f.data, f.release = nil, nil
	return release()
}

// Path returns the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Names lists the tensors in the order of the table.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Tensor describes a tensor and reports whether there is one of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	t, ok := f.tensors[name]
	return t, ok
}
