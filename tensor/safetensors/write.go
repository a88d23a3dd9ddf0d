package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"spell/tensor"
	"spell/tensor/atomicfile"
)

// A Tensor is one tensor to be written.
type Tensor struct {
	Name  string
	DType string // F32, BF16, … as DTypeName gives them
	Shape []int
	// Write writes the little-endian elements, exactly as many bytes as DType and Shape say.
	Write func(io.Writer) error
}

// FromSlice returns the tensor that holds src converted to t.
func FromSlice[T tensor.Float](name string, t tensor.DType, shape []int, src []T) Tensor {
	return Tensor{Name: name, DType: DTypeName(t), Shape: shape, Write: func(w io.Writer) error {
		raw := make([]byte, min(len(src), chunk)*t.Size())
		for at := 0; at < len(src); at += chunk {
			part := src[at:min(at+chunk, len(src))]
			tensor.Encode(raw, t, part)
			if _, err := w.Write(raw[:len(part)*t.Size()]); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Write replaces the file at path by one of these tensors, whole or not at all (package
// atomicfile). Tensors are laid out by falling width of their elements and then by name, so
// that all are aligned and the same tensors give the same bytes; metadata may be nil.
func Write(path string, metadata map[string]string, tensors []Tensor) error {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(elementBits[b.DType], elementBits[a.DType]), cmp.Compare(a.Name, b.Name))
	})
	head, sizes, err := header(metadata, tensors)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for i, t := range tensors {
			c := &counter{w: w, left: sizes[i]}
			if err := t.Write(c); err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
			if c.left != 0 {
				return fmt.Errorf("tensor %q: %d of %d bytes are missing", t.Name, c.left, sizes[i])
			}
		}
		return nil
	})
}

// header returns the length and the JSON text, padded with spaces to a multiple of eight bytes, and
// the size in bytes of each tensor.
func header(metadata map[string]string, tensors []Tensor) ([]byte, []int, error) {
	var text bytes.Buffer
	text.Write(make([]byte, prefixLen))
	text.WriteByte('{')
	if len(metadata) > 0 {
		for _, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key + metadata[key]) {
				return nil, nil, fmt.Errorf("the metadata of key %q is not UTF-8", key)
			}
		}
		quoted, err := json.Marshal(metadata) // sorts the keys
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&text, "%q:%s", metaKey, quoted)
	}
	seen := map[string]bool{metaKey: true}
	sizes := make([]int, len(tensors))
	at := 0
	for i, t := range tensors {
		if seen[t.Name] || !utf8.ValidString(t.Name) {
			return nil, nil, fmt.Errorf("%q is not the name of one tensor: reserved, given twice or not UTF-8", t.Name)
		}
		seen[t.Name] = true
		_, size, err := sizeOf(t.DType, t.Shape)
		if err != nil || at+size < at {
			return nil, nil, fmt.Errorf("tensor %q: dtype %q, shape %v: %w", t.Name, t.DType, t.Shape,
				cmp.Or(err, errTooLarge))
		}
		if text.Len() > prefixLen+1 {
			text.WriteByte(',')
		}
		name, err := json.Marshal(t.Name)
		if err != nil {
			return nil, nil, err
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...))
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&text, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, t.DType, shape, at, at+size)
		at += size
		sizes[i] = size
	}
	text.WriteByte('}')
	for text.Len()%8 != 0 {
		text.WriteByte(' ')
	}
	if n := text.Len() - prefixLen; n > headerCap || len(tensors) > maxTensors {
		return nil, nil, fmt.Errorf("%d tensors in a header of %d bytes, more than %d or %d", len(tensors), n,
			maxTensors, headerCap)
	}
	head := text.Bytes()
	binary.LittleEndian.PutUint64(head, uint64(len(head)-prefixLen))
	return head, sizes, nil
}

var errTooLarge = errors.New("the tensors are too large for one file")

// A counter lets the bytes of one tensor through, and not one more.
type counter struct {
	w    io.Writer
	left int
}

func (c *counter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		return 0, fmt.Errorf("%d bytes more than its shape holds", len(p)-c.left)
	}
	n, err := c.w.Write(p)
	c.left -= n
	return n, err
}
