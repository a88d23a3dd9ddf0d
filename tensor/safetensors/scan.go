package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"spell/tensor/jsonfile"
)

// Limits of what JSON may say, far above those of published models. What is beyond them is hostile
// or broken, and would take more memory than the file has bytes.
const (
	maxTensors  = 1 << 17 // of a file
	maxIndex    = 1 << 18 // tensors of a model: the largest have some 1<<17
	maxMetadata = 1 << 14 // keys
	maxName     = 1 << 16 // bytes of a key
	maxList     = 64      // keys of other objects, and dimensions of a shape
)

// A scanner walks over JSON value by value, in place, and takes memory for what it returns alone.
// Unlike json.Unmarshal it does not let later duplicates of a key win silently. The text has passed
// json.Valid: values come in grammatical order, and commas and colons say nothing more.
type scanner struct {
	text []byte
	at   int
}

// peek returns the first byte of what comes next.
func (s *scanner) peek() byte {
	for bytes.IndexByte([]byte(" \t\r\n,:"), s.text[s.at]) >= 0 {
		s.at++
	}
	return s.text[s.at]
}

// value steps over the next value and returns it.
func (s *scanner) value() []byte {
	s.peek()
	begin, depth := s.at, 0
	for {
		switch s.peek() {
		case '"':
			s.at += jsonfile.Quoted(s.text[s.at:])
		case '{', '[':
			s.at++
			depth++
		case '}', ']':
			s.at++
			depth--
		default:
			for bytes.IndexByte([]byte(" \t\r\n,]}"), s.text[s.at]) < 0 {
				s.at++
			}
		}
		if depth == 0 {
			return s.text[begin:s.at]
		}
	}
}

// string steps over the next value and returns it; ok is false if it is no string.
func (s *scanner) string() (v string, ok bool) {
	raw := s.value()
	switch {
	case raw[0] != '"':
		return "", false
	case bytes.IndexByte(raw, '\\') < 0:
		return string(raw[1 : len(raw)-1]), true
	}
	return v, json.Unmarshal(raw, &v) == nil
}

// each calls value, which must step over a value, after each key of the next value, an object of most
// keys or fewer. Whether a key was there before is for value to tell.
func (s *scanner) each(what string, most int, value func(key string) error) error {
	if s.peek() != '{' {
		return fmt.Errorf("%s is not a JSON object", what)
	}
	s.at++
	for n := 0; s.peek() != '}'; n++ {
		key, _ := s.string()
		if n == most || len(key) > maxName {
			return fmt.Errorf("%s has more than %d keys, or one of more than %d bytes: the file is damaged", what, most,
				maxName)
		}
		if err := value(key); err != nil {
			return err
		}
	}
	s.at++
	return nil
}

// twice returns the error of a key that is there again.
func twice(what, key string) error { return fmt.Errorf("%s has the key %q twice", what, key) }

// object is each for an object of few keys, each of them there once.
func (s *scanner) object(what string, value func(key string) error) error {
	seen := make([]string, 0, 8)
	return s.each(what, maxList, func(key string) error {
		if slices.Contains(seen, key) {
			return twice(what, key)
		}
		seen = append(seen, key)
		return value(key)
	})
}

// strings reads an object of most keys or fewer whose values are strings.
func (s *scanner) strings(what string, most int) (map[string]string, error) {
	m := map[string]string{}
	return m, s.each(what, most, func(key string) error {
		v, ok := s.string()
		if !ok {
			return fmt.Errorf("%s: the value of %q is not a string", what, key)
		}
		if _, ok := m[key]; ok {
			return twice(what, key)
		}
		m[key] = v
		return nil
	})
}

// numbers reads an array of integers in [0, MaxInt].
func (s *scanner) numbers(what string) ([]int, error) {
	if s.peek() != '[' {
		return nil, fmt.Errorf("%s is not an array", what)
	}
	s.at++
	list := make([]int, 0, 2)
	for s.peek() != ']' {
		raw := s.value()
		v, err := strconv.ParseUint(string(raw[:min(len(raw), 32)]), 10, 64)
		switch {
		case err != nil || v > math.MaxInt:
			return nil, fmt.Errorf("%s holds %.32s, not a whole number in range", what, raw)
		case len(list) == maxList:
			return nil, fmt.Errorf("%s holds more than %d numbers", what, maxList)
		}
		list = append(list, int(v))
	}
	s.at++
	return list, nil
}

// entry reads {"dtype": …, "shape": …, "data_offsets": …}. Other keys are ignored, as in the
// reference implementation.
func (s *scanner) entry() (entry, error) {
	var e entry
	var offsets []int
	err := s.object("its entry", func(key string) (err error) {
		switch key {
		case "dtype":
			e.DType, _ = s.string()
		case "shape":
			e.Shape, err = s.numbers("shape")
		case "data_offsets":
			offsets, err = s.numbers("data_offsets")
		default:
			s.value()
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
		return e, fmt.Errorf("dtype %.32q, shape %v: %w", e.DType, e.Shape, err)
	}
	if size != offsets[1]-offsets[0] {
		return e, fmt.Errorf("%s%v takes %d bytes, its data_offsets hold %d", e.DType, e.Shape, size,
			offsets[1]-offsets[0])
	}
	return e, nil
}
