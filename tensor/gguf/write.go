package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"spell/tensor"
	"spell/tensor/atomicfile"
)

// A Pair is a metadata value to be written: a string, a bool, an int (as uint32), a float64 (as
// float32), a []string, a []int (as int32) or a []float64 (as float32).
type Pair struct {
	Name  string
	Value any
}

// An Output is a tensor to be written. Write writes its elements, exactly as many bytes as Type and
// Shape say.
type Output struct {
	Name  string
	Type  Type
	Shape []int // row-major
	Write func(io.Writer) error
}

// Write replaces the file at path by one with these values and tensors, whole or not at all (package
// atomicfile), in the order given.
func Write(path string, values []Pair, tensors []Output) error {
	head, sizes, err := header(values, tensors)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for i, t := range tensors {
			c := &counter{w: w}
			if err := t.Write(c); err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
			if c.n != sizes[i] {
				return fmt.Errorf("tensor %q: %d bytes were written, and its shape takes %d", t.Name, c.n, sizes[i])
			}
			if _, err := w.Write(make([]byte, padding(c.n))); err != nil {
				return err
			}
		}
		return nil
	})
}

// A counter counts the bytes that pass.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}

// padding returns the bytes from n up to the next multiple of the alignment.
func padding(n int) int { return (defaultRun - n%defaultRun) % defaultRun }

// header returns what comes before the elements, padded, and the bytes of each tensor.
func header(values []Pair, tensors []Output) ([]byte, []int, error) {
	h := &headWriter{}
	h.WriteString(magic)
	h.put(uint32(newest))
	h.put(uint64(len(tensors)))
	h.put(uint64(len(values)))
	for _, v := range values {
		h.text(v.Name)
		if err := h.value(v.Value); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	sizes := make([]int, len(tensors))
	at := 0
	for i, t := range tensors {
		size, err := t.Type.Bytes(t.Shape)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		h.text(t.Name)
		h.put(uint32(len(t.Shape)))
		for d := range t.Shape {
			h.put(uint64(t.Shape[len(t.Shape)-1-d]))
		}
		h.put(uint32(t.Type))
		h.put(uint64(at))
		sizes[i] = size
		at += size + padding(size)
	}
	h.Write(make([]byte, padding(h.Len())))
	return h.Bytes(), sizes, nil
}

// A headWriter writes the parts of a head. A Buffer takes everything.
type headWriter struct{ bytes.Buffer }

func (h *headWriter) put(v any) { binary.Write(h, binary.LittleEndian, v) }

func (h *headWriter) text(s string) {
	h.put(uint64(len(s)))
	h.WriteString(s)
}

// value writes a value with its kind.
func (h *headWriter) value(v any) error {
	switch v := v.(type) {
	case string:
		h.put(uint32(text))
		h.text(v)
	case bool:
		h.put(uint32(boolean))
		h.put(v)
	case int:
		if v < 0 || v > math.MaxUint32 {
			return fmt.Errorf("%d does not fit 32 bits", v)
		}
		h.put(uint32(u32))
		h.put(uint32(v))
	case float64:
		h.put(uint32(f32))
		h.put(float32(v))
	case []string:
		h.list(text, len(v))
		for _, s := range v {
			h.text(s)
		}
	case []int:
		h.list(i32, len(v))
		for _, n := range v {
			h.put(int32(n))
		}
	case []float64:
		h.list(f32, len(v))
		for _, x := range v {
			h.put(float32(x))
		}
	default:
		return fmt.Errorf("no kind of value for %T", v)
	}
	return nil
}

func (h *headWriter) list(k kind, n int) {
	h.put(uint32(list))
	h.put(uint32(k))
	h.put(uint64(n))
}

// Encode appends v, whole blocks of a type that is written (F32, F16, BF16 or Q8_0), to raw.
func (t Type) Encode(raw []byte, v []float32) []byte {
	plain, ok := map[Type]tensor.DType{F32: tensor.F32, F16: tensor.F16, BF16: tensor.BF16}[t]
	if ok {
		n := len(raw)
		raw = append(raw, make([]byte, len(v)*plain.Size())...)
		tensor.Encode(raw[n:], plain, v)
		return raw
	}
	if t != Q8_0 {
		panic(fmt.Sprintf("gguf: no encoding to %v", t))
	}
	for ; len(v) > 0; v = v[32:] {
		raw = encodeQ8_0(raw, v[:32])
	}
	return raw
}

// encodeQ8_0 appends a block: the factor is the largest |x| divided by 127, and each integer x divided
// by it, rounded to the nearest, halves away from zero.
func encodeQ8_0(raw []byte, v []float32) []byte {
	top := float32(0)
	for _, x := range v {
		top = max(top, float32(math.Abs(float64(x))))
	}
	d, inverse := top/127, float32(0)
	if d != 0 {
		inverse = 1 / d
	}
	n := len(raw)
	raw = append(raw, 0, 0)
	tensor.Encode(raw[n:], tensor.F16, []float32{d})
	for _, x := range v {
		raw = append(raw, byte(int8(math.Round(float64(x*inverse)))))
	}
	return raw
}

// Holds reports whether rows of n elements are whole blocks of the type.
func (t Type) Holds(n int) bool { return n%layouts[t].elements == 0 }
