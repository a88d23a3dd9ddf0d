package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	prefixLen = 8         // the header's length, uint64 little-endian
	headerCap = 100 << 20 // longer headers are refused, of ours and of others
	metaKey   = "__metadata__"
)

// An entry is one tensor of a header: what it says, and where its bytes lie in the data.
type entry struct {
	Info
	begin, end uint64
}

// parse checks the head of a file and returns its tensors, its metadata and the offset of the data.
func parse(file []byte) (map[string]entry, map[string]string, int, error) {
	size := len(file)
	if size < prefixLen {
		return nil, nil, 0, fmt.Errorf("not a safetensors file: only %d bytes", size)
	}
	n := binary.LittleEndian.Uint64(file)
	if n > headerCap {
		return nil, nil, 0, fmt.Errorf("not a safetensors file: a header of %d bytes, more than %d", n, headerCap)
	}
	if n > uint64(size-prefixLen) {
		return nil, nil, 0, fmt.Errorf(
			"the header says %d bytes, the file has %d after it: it is truncated or not safetensors", n, size-prefixLen)
	}
	head := file[prefixLen : prefixLen+int(n)]
	if !bytes.HasPrefix(head, []byte("{")) || !utf8.Valid(head) || !json.Valid(head) {
		return nil, nil, 0, errors.New("the header is not a JSON object in UTF-8")
	}
	d := &decoder{json.NewDecoder(bytes.NewReader(head))}
	d.UseNumber()
	entries := map[string]entry{}
	metadata := map[string]string{}
	err := d.object("the header", func(key string) error {
		if key == metaKey {
			return d.strings(metaKey, metadata)
		}
		e, err := d.entry()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", key, err)
		}
		entries[key] = e
		return nil
	})
	if err != nil {
		return nil, nil, 0, err
	}
	if err := checkLayout(entries, uint64(size)-prefixLen-n); err != nil {
		return nil, nil, 0, err
	}
	return entries, metadata, prefixLen + int(n), nil
}

// checkLayout requires what the reference implementation requires: tensors laid end to end,
// without overlap or gap, from the first byte of the data to the last.
func checkLayout(entries map[string]entry, size uint64) error {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := entries[a], entries[b]
		return cmp.Or(cmp.Compare(x.begin, y.begin), cmp.Compare(x.end, y.end), cmp.Compare(a, b))
	})
	at := uint64(0)
	for _, name := range names {
		e := entries[name]
		switch {
		case e.end > size:
			return fmt.Errorf("tensor %q ends at byte %d of %d: the file is truncated", name, e.end, size)
		case e.begin < at:
			return fmt.Errorf("tensor %q overlaps the one before it", name)
		case e.begin > at:
			return fmt.Errorf("a gap of %d bytes before tensor %q", e.begin-at, name)
		}
		at = e.end
	}
	if at != size {
		return fmt.Errorf("%d bytes follow the last tensor", size-at)
	}
	return nil
}

// A decoder walks a header token by token, because json.Unmarshal lets later duplicates of a
// key win silently. The header has passed json.Valid, so tokens come in grammatical order.
type decoder struct{ *json.Decoder }

// object calls value after each key of the object that comes next.
func (d *decoder) object(what string, value func(key string) error) error {
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%s is not a JSON object", what)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key := token.(string)
		if seen[key] {
			return fmt.Errorf("%s has the key %q twice", what, key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// strings reads an object whose values are strings into m.
func (d *decoder) strings(what string, m map[string]string) error {
	return d.object(what, func(key string) error {
		token, err := d.Token()
		if err != nil {
			return err
		}
		s, ok := token.(string)
		if !ok {
			return fmt.Errorf("%s: the value of %q is not a string", what, key)
		}
		m[key] = s
		return nil
	})
}

// numbers reads an array of integers in [0, MaxInt].
func (d *decoder) numbers(what string) ([]int, error) {
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil, fmt.Errorf("%s is not an array", what)
	}
	list := []int{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		number, _ := token.(json.Number)
		v, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil || v > math.MaxInt {
			return nil, fmt.Errorf("%s holds %v, not a whole number in range", what, token)
		}
		list = append(list, int(v))
	}
	_, err := d.Token()
	return list, err
}

// entry reads {"dtype": …, "shape": …, "data_offsets": …}. Other keys are ignored, as in the
// reference implementation.
func (d *decoder) entry() (entry, error) {
	var e entry
	var offsets []int
	err := d.object("its entry", func(key string) (err error) {
		switch key {
		case "dtype":
			token, _ := d.Token()
			e.DType, _ = token.(string)
		case "shape":
			e.Shape, err = d.numbers("shape")
		case "data_offsets":
			offsets, err = d.numbers("data_offsets")
		default:
			var ignored json.RawMessage
			err = d.Decode(&ignored)
		}
		return err
	})
	switch {
	case err != nil:
		return e, err
	case e.Shape == nil:
		return e, errors.New("it has no shape")
	case len(offsets) != 2:
		return e, errors.New("data_offsets are not two numbers")
	case offsets[0] > offsets[1]:
		return e, fmt.Errorf("it begins at byte %d and ends at %d", offsets[0], offsets[1])
	}
	e.begin, e.end = uint64(offsets[0]), uint64(offsets[1])
	var size int
	if e.Elements, size, err = sizeOf(e.DType, e.Shape); err != nil {
		return e, fmt.Errorf("dtype %q, shape %v: %w", e.DType, e.Shape, err)
	}
	if size != offsets[1]-offsets[0] {
		return e, fmt.Errorf("%s%v takes %d bytes, its data_offsets hold %d", e.DType, e.Shape, size,
			offsets[1]-offsets[0])
	}
	return e, nil
}
