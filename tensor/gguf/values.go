package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"spell/tensor/mapped"
)

// A kind is the type of a metadata value.
type kind uint32

// The kinds, by their numbers in files.
const (
	u8 kind = iota
	i8
	u16
	i16
	u32
	i32
	f32
	boolean
	text
	list
	u64
	i64
	f64
)

var kindNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string",
	"list", "uint64", "int64", "float64"}

func (k kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// size returns the bytes of a value of fixed size, 0 of others.
func (k kind) size() int {
	switch k {
	case u8, i8, boolean:
		return 1
	case u16, i16:
		return 2
	case u32, i32, f32:
		return 4
	case u64, i64, f64:
		return 8
	}
	return 0
}

// A Value is a metadata value: a number, a bool, a string, or a list of one of these. It lies in the
// mapped file.
type Value struct {
	kind kind // of a list, of its elements
	list bool
	n    int // elements of a list
	raw  []byte
}

// Len returns the number of elements of a list, 1 of other values.
func (v Value) Len() int { return v.n }

// Value returns a metadata value and reports whether there is one of that name.
func (f *File) Value(name string) (Value, bool) {
	v, ok := f.values[name]
	return v, ok
}

// want returns the value of that name, which must be of a kind that accept accepts, one or a list.
func (f *File) want(name string, isList bool, what string, accept func(kind) bool) (Value, error) {
	v, ok := f.values[name]
	switch {
	case !ok:
		return v, fmt.Errorf("reading %s: there is no %s", f.path, name)
	case v.list != isList || !accept(v.kind):
		return v, fmt.Errorf("reading %s: %s is %v, not %s", f.path, name, v, what)
	case v.n > maxList:
		return v, fmt.Errorf("reading %s: %s is %v, more than %d", f.path, name, v, maxList)
	}
	return v, nil
}

// String returns what the value is, for messages.
func (v Value) String() string {
	if v.list {
		return fmt.Sprintf("a list of %d of %v", v.n, v.kind)
	}
	return "a " + v.kind.String()
}

func isText(k kind) bool  { return k == text }
func isFloat(k kind) bool { return k == f32 || k == f64 }
func isWhole(k kind) bool { return k.size() > 0 && k != boolean && !isFloat(k) }
func isBool(k kind) bool  { return k == boolean }

// Text returns the string of that name.
func (f *File) Text(name string) (s string, err error) {
	v, err := f.want(name, false, "a string", isText)
	if err == nil {
		err = f.reading(name, func() error { s = string(v.raw[8:]); return nil })
	}
	return s, err
}

// Texts returns the list of strings of that name.
func (f *File) Texts(name string) (list []string, err error) {
	v, err := f.want(name, true, "a list of strings", isText)
	if err != nil {
		return nil, err
	}
	list = make([]string, 0, v.n)
	return list, f.reading(name, func() error {
		for raw := v.raw; len(raw) > 0; {
			n := 8 + int(binary.LittleEndian.Uint64(raw)) // checked by parse
			list, raw = append(list, string(raw[8:n])), raw[n:]
		}
		return nil
	})
}

// Whole returns the whole number of that name.
func (f *File) Whole(name string) (int, error) {
	list, err := f.wholes(name, false, "a whole number")
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

// Wholes returns the list of whole numbers of that name.
func (f *File) Wholes(name string) ([]int, error) {
	return f.wholes(name, true, "a list of whole numbers")
}

func (f *File) wholes(name string, isList bool, what string) ([]int, error) {
	v, err := f.want(name, isList, what, isWhole)
	if err != nil {
		return nil, err
	}
	list := make([]int, v.n)
	return list, f.reading(name, func() error {
		size := v.kind.size()
		for i := range list {
			n, ok := whole(v.kind, v.raw[i*size:])
			if !ok {
				return fmt.Errorf("%s is out of range", name)
			}
			list[i] = n
		}
		return nil
	})
}

// whole returns the whole number at the beginning of raw, and whether an int can hold it.
func whole(k kind, raw []byte) (n int, ok bool) {
	switch k {
	case u8:
		return int(raw[0]), true
	case i8:
		return int(int8(raw[0])), true
	case u16:
		return int(binary.LittleEndian.Uint16(raw)), true
	case i16:
		return int(int16(binary.LittleEndian.Uint16(raw))), true
	case u32:
		return int(binary.LittleEndian.Uint32(raw)), true
	case i32:
		return int(int32(binary.LittleEndian.Uint32(raw))), true
	}
	v := binary.LittleEndian.Uint64(raw)
	return int(v), k == i64 || v <= math.MaxInt
}

// Float returns the number of that name, whole or not.
func (f *File) Float(name string) (float64, error) {
	if v, ok := f.values[name]; ok && !v.list && isWhole(v.kind) {
		n, err := f.Whole(name)
		return float64(n), err
	}
	list, err := f.floats(name, false, "a number")
	if err != nil {
		return 0, err
	}
	return float64(list[0]), nil
}

// Floats returns the list of numbers of that name.
func (f *File) Floats(name string) ([]float64, error) {
	return f.floats(name, true, "a list of numbers")
}

func (f *File) floats(name string, isList bool, what string) ([]float64, error) {
	v, err := f.want(name, isList, what, isFloat)
	if err != nil {
		return nil, err
	}
	list := make([]float64, v.n)
	return list, f.reading(name, func() error {
		for i := range list {
			if v.kind == f32 {
				list[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw[4*i:])))
			} else {
				list[i] = math.Float64frombits(binary.LittleEndian.Uint64(v.raw[8*i:]))
			}
		}
		return nil
	})
}

// Bool returns the truth value of that name.
func (f *File) Bool(name string) (yes bool, err error) {
	v, err := f.want(name, false, "true or false", isBool)
	if err == nil {
		err = f.reading(name, func() error { yes = v.raw[0] != 0; return nil })
	}
	return yes, err
}

// reading calls read, which reads the value of that name.
func (f *File) reading(name string, read func() error) error {
	if err := mapped.Guard(read); err != nil {
		return fmt.Errorf("reading %s: %s: %w", f.path, name, err)
	}
	return nil
}

// errShort says that a file ends in the middle of something.
var errShort = damaged("the file ends before it: it is truncated")

// A cursor walks through the head of a file.
type cursor struct {
	data []byte
	at   int
}

// take returns the next n bytes.
func (c *cursor) take(n uint64) ([]byte, error) {
	if n > uint64(len(c.data)-c.at) {
		return nil, errShort
	}
	raw := c.data[c.at:][:n:n]
	c.at += int(n)
	return raw, nil
}

func (c *cursor) uint32() (uint32, error) {
	raw, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(raw), nil
}

func (c *cursor) uint64() (uint64, error) {
	raw, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(raw), nil
}

// text returns the next string with its length before it.
func (c *cursor) text() ([]byte, error) {
	from := c.at
	n, err := c.uint64()
	if err == nil {
		_, err = c.take(n)
	}
	return c.data[from:c.at:c.at], err
}

// maxName bounds the names of values and tensors.
const maxName = 1 << 16

// name returns the next string, as a name.
func (c *cursor) name() (string, error) {
	raw, err := c.text()
	switch {
	case err != nil:
		return "", err
	case len(raw) > maxName+8 || !utf8.Valid(raw[8:]):
		return "", damaged("a name is too long or not UTF-8")
	}
	return string(raw[8:]), nil
}

// value returns the next value.
func (c *cursor) value() (Value, error) {
	n, err := c.uint32()
	if err != nil {
		return Value{}, err
	}
	v := Value{kind: kind(n), n: 1}
	if v.kind == list {
		v.list = true
		if n, err = c.uint32(); err != nil {
			return v, err
		}
		v.kind = kind(n)
		length, err := c.uint64()
		if err != nil {
			return v, err
		}
		if length > uint64(len(c.data)) {
			return v, errShort
		}
		v.n = int(length)
	}
	switch size := v.kind.size(); {
	case size > 0:
		v.raw, err = c.take(uint64(v.n) * uint64(size))
	case v.kind == text:
		from := c.at
		for range v.n {
			if _, err = c.text(); err != nil {
				return v, err
			}
		}
		v.raw = c.data[from:c.at:c.at]
	case v.kind == list:
		err = errors.New("a list of lists, which is not supported")
	default:
		err = fmt.Errorf("%v is unknown: the file is damaged, or of a newer version of the format", v.kind)
	}
	return v, err
}
