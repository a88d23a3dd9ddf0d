package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

const (
	prefixLen = 8        // the header's length, uint64 little-endian
	headerCap = 32 << 20 // longer headers are refused, of ours and of others
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
	s := &scanner{text: head}
	entries := make(map[string]entry, min(bytes.Count(head, []byte("data_offsets")), maxTensors))
	var metadata map[string]string
	err := s.each("the header", maxTensors+1, func(key string) (err error) {
		if key == metaKey && metadata == nil {
			metadata, err = s.strings(metaKey, maxMetadata)
			return err
		}
		if _, ok := entries[key]; ok || key == metaKey {
			return twice("the header", key)
		}
		if entries[key], err = s.entry(); err != nil {
			err = fmt.Errorf("tensor %q: %w", key, err)
		}
		return err
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
