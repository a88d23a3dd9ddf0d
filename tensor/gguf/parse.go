package gguf

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Largest counts that a head may name, far above those of published models; beyond them the file is
// hostile or broken, and would take more memory than it has bytes.
const (
	maxValues  = 1 << 16
	maxTensors = 1 << 17
	maxList    = 1 << 20 // elements of a list that is asked for
	maxDims    = 4
)

// damaged returns the error of a file that no program writes, with the way on.
func damaged(format string, a ...any) error { return fmt.Errorf(format+"; download it again", a...) }

// parse reads the metadata and the table of tensors.
func (f *File) parse() error {
	c := &cursor{data: f.data}
	start, err := c.take(4)
	switch {
	case err != nil:
		return damaged("not a GGUF file: only %d bytes", len(f.data))
	case string(start) != magic:
		return damaged("not a GGUF file: it does not begin with GGUF")
	}
	version, err := c.uint32()
	if err != nil {
		return err
	}
	if version < oldest || version > newest {
		return fmt.Errorf("it has version %d of the format (in this byte order); versions %d and %d are read: convert "+
			"the model again", version, oldest, newest)
	}
	tensors, err := c.uint64()
	if err != nil {
		return err
	}
	values, err := c.uint64()
	if err != nil {
		return err
	}
	if tensors > maxTensors || values > maxValues {
		return damaged("it claims %d tensors and %d metadata values", tensors, values)
	}
	if err := f.parseValues(c, int(values)); err != nil {
		return err
	}
	return f.parseTensors(c, int(tensors))
}

func (f *File) parseValues(c *cursor, n int) error {
	for i := range n {
		name, err := c.name()
		if err != nil {
			return fmt.Errorf("metadata value %d: %w", i, err)
		}
		if _, ok := f.values[name]; ok {
			return damaged("metadata has %q twice", name)
		}
		if f.values[name], err = c.value(); err != nil {
			return fmt.Errorf("metadata value %q: %w", name, err)
		}
	}
	return nil
}

// parseTensors reads the table. Offsets in it count from the end of the head, rounded up to the
// alignment.
func (f *File) parseTensors(c *cursor, n int) error {
	offsets := make([]uint64, 0, min(n, len(f.data)/24)) // a row takes 24 bytes and more
	for i := range n {
		t, offset, err := c.tensor()
		if err != nil {
			return fmt.Errorf("tensor %d: %w", i, err)
		}
		if _, ok := f.tensors[t.Name]; ok {
			return damaged("the tensor %q is there twice", t.Name)
		}
		f.tensors[t.Name], f.names, offsets = t, append(f.names, t.Name), append(offsets, offset)
	}
	run, err := f.alignment()
	if err != nil {
		return err
	}
	start := (uint64(c.at) + run - 1) / run * run
	for i, name := range f.names {
		t := f.tensors[name]
		size, err := t.Type.Bytes(t.Shape)
		switch {
		case err != nil:
			return fmt.Errorf("tensor %q: %w", name, err)
		case offsets[i]%run != 0:
			return damaged("tensor %q begins at %d, which is no multiple of %d", name, offsets[i], run)
		case offsets[i] > uint64(len(f.data)) || start+offsets[i]+uint64(size) > uint64(len(f.data)):
			return damaged("tensor %q ends at byte %d of %d: the file is truncated", name,
				start+offsets[i]+uint64(size), len(f.data))
		}
		t.Offset = int(start + offsets[i])
		f.tensors[name] = t
	}
	return f.checkOverlap()
}

// alignment returns general.alignment.
func (f *File) alignment() (uint64, error) {
	if _, ok := f.values["general.alignment"]; !ok {
		return defaultRun, nil
	}
	v, ok := f.values["general.alignment"]
	n, fits := 0, false
	if ok && !v.list && isWhole(v.kind) {
		n, fits = whole(v.kind, v.raw)
	}
	if !fits || n < 1 || n > 1<<20 {
		return 0, damaged("general.alignment is %v of %d, not a whole number of bytes", v, n)
	}
	return uint64(n), nil
}

// checkOverlap returns an error if two tensors share bytes.
func (f *File) checkOverlap() error {
	order := slices.SortedFunc(slices.Values(f.names), func(a, b string) int {
		return cmp.Compare(f.tensors[a].Offset, f.tensors[b].Offset)
	})
	end := 0
	for i, name := range order {
		t := f.tensors[name]
		if t.Offset < end {
			return damaged("the tensors %q and %q overlap", order[i-1], name)
		}
		size, _ := t.Type.Bytes(t.Shape)
		end = t.Offset + size
	}
	return nil
}

// tensor returns the next row of the table and the offset in it.
func (c *cursor) tensor() (t Tensor, offset uint64, err error) {
	if t.Name, err = c.name(); err != nil {
		return t, 0, err
	}
	dims, err := c.uint32()
	if err != nil {
		return t, 0, err
	}
	if dims > maxDims {
		return t, 0, damaged("%q has %d dimensions, more than %d", t.Name, dims, maxDims)
	}
	t.Shape = make([]int, dims)
	for i := range t.Shape {
		n, err := c.uint64()
		if err != nil {
			return t, 0, err
		}
		if n > math.MaxInt32 {
			return t, 0, damaged("%q has a dimension of %d", t.Name, n)
		}
		t.Shape[int(dims)-1-i] = int(n) // the file has the contiguous one first
	}
	typ, err := c.uint32()
	if err != nil {
		return t, 0, err
	}
	t.Type = Type(typ)
	offset, err = c.uint64()
	return t, offset, err
}

// Bytes returns what a tensor of that shape takes: rows of whole blocks.
func (t Type) Bytes(shape []int) (int, error) {
	l, ok := layouts[t]
	if !ok {
		return 0, fmt.Errorf("its type is %v, which is not supported; %s are", t, supported())
	}
	n := uint64(1)
	for _, d := range shape {
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt/256 {
			return 0, damaged("its shape %v is too large", shape)
		}
		n = lo
	}
	if len(shape) > 0 && shape[len(shape)-1]%l.elements != 0 {
		return 0, damaged("its rows have %d elements, and blocks of %v have %d", shape[len(shape)-1], t, l.elements)
	}
	return int(n) / l.elements * l.bytes, nil
}
