// Package events writes numbers as TensorBoard reads them: event files, which are records of protocol buffers.
//
// A record is the length of an event, eight bytes, the checksum of these, the event, and its checksum; all
// little-endian. An event has a time, a step, and values with a tag each, or, in the first of a file, the version
// of the format (tensorflow/core/util/event.proto, tensorflow/core/lib/io/record_writer.h). Only the fields that
// these take are written.
package events

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"spell/tensor/atomicfile"
)

// Dir is the folder of a run that holds its events, and file the one there. TensorBoard wants "tfevents" in
// the name.
const (
	Dir  = "tensorboard"
	file = "events.out.tfevents.0.spell"
)

// version is that of the format.
const version = "brain.Event:2"

// A File is an event file that grows.
type File struct{ path string }

// Begin returns the event file of a run that begins in dir. One that is there already is refused.
func Begin(dir string) (*File, error) {
	path := filepath.Join(dir, Dir, file)
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil, fmt.Errorf("%s is there already, and the run begins: move it away or choose another --out", path)
	}
	return GoOn(dir, 0)
}

// GoOn returns the event file of a run in dir that goes on after so many steps: events of later ones, and
// what a killed process left unfinished, are removed. If there is none, one begins.
func GoOn(dir string, step int) (*File, error) {
	f := &File{filepath.Join(dir, Dir, file)}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o777); err != nil {
		return nil, atomicfile.Cause(err)
	}
	old, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", f.path, atomicfile.Cause(err))
	}
	keep := 0
	for rest := old; ; {
		event, n := record(rest)
		if n == 0 || stepOf(event) > int64(step) {
			break
		}
		keep, rest = keep+n, rest[n:]
	}
	first := binary.LittleEndian.AppendUint64([]byte{1<<3 | fixed64}, 0) // no time, so that equal runs begin alike
	first = appendBytes(first, 3, []byte(version))
	if keep == 0 && !bytes.HasPrefix(framed(first), old) {
		return nil, fmt.Errorf("%s is no event file: move it away, or set tensorboard to false", f.path)
	}
	if keep < len(old) {
		if err := os.Truncate(f.path, int64(keep)); err != nil {
			return nil, fmt.Errorf("writing %s: %w", f.path, atomicfile.Cause(err))
		}
	}
	if keep > 0 {
		return f, nil
	}
	return f, f.write(first)
}

// Add writes the numbers of a step at a time. metrics is any value with a JSON form; its numbers and truth
// values have the path of keys to them as their tag, in which an element of a list has the text under its key
// "name" or "role", or its place.
func (f *File) Add(step int, at time.Time, metrics any) error {
	raw, err := json.Marshal(metrics)
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err
	}
	values := map[string]float64{}
	flatten(values, "", tree)
	seconds := float64(at.UnixMilli()) / 1000
	event := binary.LittleEndian.AppendUint64([]byte{1<<3 | fixed64}, math.Float64bits(seconds))
	event = binary.AppendUvarint(append(event, 2<<3|varint), uint64(step))
	var summary []byte
	for _, tag := range slices.Sorted(maps.Keys(values)) {
		value := appendBytes(nil, 1, []byte(tag))
		value = binary.LittleEndian.AppendUint32(append(value, 2<<3|fixed32), math.Float32bits(float32(values[tag])))
		summary = appendBytes(summary, 1, value)
	}
	return f.write(appendBytes(event, 5, summary))
}

// flatten takes down the numbers of a tree by their tags.
func flatten(values map[string]float64, tag string, tree any) {
	under := func(key string) string {
		if tag == "" {
			return key
		}
		return tag + "/" + key
	}
	switch t := tree.(type) {
	case float64:
		values[tag] = t
	case bool:
		values[tag] = 0
		if t {
			values[tag] = 1
		}
	case map[string]any:
		for key, v := range t {
			if key != "step" {
				flatten(values, under(key), v)
			}
		}
	case []any:
		for i, v := range t {
			key := strconv.Itoa(i)
			if m, ok := v.(map[string]any); ok {
				for _, name := range []string{"name", "role"} {
					if s, ok := m[name].(string); ok {
						key = s
					}
				}
			}
			flatten(values, under(key), v)
		}
	}
}

// Wire types of protocol buffers.
const (
	varint  = 0
	fixed64 = 1
	counted = 2
	fixed32 = 5
)

// appendBytes appends a field of bytes.
func appendBytes(b []byte, field byte, v []byte) []byte {
	b = binary.AppendUvarint(append(b, field<<3|counted), uint64(len(v)))
	return append(b, v...)
}

// write appends a record. On error the file is as it was.
func (f *File) write(event []byte) (err error) {
	w, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, atomicfile.Cause(err))
	}
	at, err := w.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = w.Write(framed(event))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		os.Truncate(f.path, at)
		return fmt.Errorf("writing %s: %w", f.path, atomicfile.Cause(err))
	}
	return nil
}

// framed returns the record of an event.
func framed(event []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(event)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, event...)
	return binary.LittleEndian.AppendUint32(b, masked(event))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the checksum of a record: a CRC that does not end what it is the CRC of.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// record returns the event of the first record and the record's bytes: 0 if none is whole.
func record(b []byte) (event []byte, n int) {
	if len(b) < 16 || binary.LittleEndian.Uint32(b[8:]) != masked(b[:8]) {
		return nil, 0
	}
	size := binary.LittleEndian.Uint64(b)
	if size > uint64(len(b)-16) {
		return nil, 0
	}
	event, n = b[12:12+size], int(size)+16
	if binary.LittleEndian.Uint32(b[n-4:]) != masked(event) {
		return nil, 0
	}
	return event, n
}

// stepOf returns the step of an event as Add writes it; 0 of the first.
func stepOf(event []byte) int64 {
	const time = 1 + 8
	if len(event) <= time || event[time] != 2<<3|varint {
		return 0
	}
	step, err := binary.ReadUvarint(bytes.NewReader(event[time+1:]))
	if err != nil {
		return 0
	}
	return int64(step)
}
