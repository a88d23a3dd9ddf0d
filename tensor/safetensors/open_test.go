package safetensors

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// image returns a file with this header and n bytes of zeroed data.
func image(head string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	return append(append(b, head...), make([]byte, n)...)
}

func writeFile(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenAccepts(t *testing.T) {
	cases := map[string][]byte{
		"no tensors":     image(`{}`, 0),
		"trailing space": image(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}      `, 4),
		"scalar":         image(`{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, 8),
		"empty tensors": image(`{"b":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},
			"c":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},
			"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
		"order of the header is not the order of the data": image(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[3,5]},
			"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, 5),
		"unknown keys": image(`{"a":{"dtype":"I8","x":{"y":[1]},"shape":[2],"data_offsets":[0,2]}}`, 2),
		"metadata": image(`{"__metadata__":{"format":"pt"},"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`,
			1),
	}
	dir := t.TempDir()
	for name, b := range cases {
		f, err := Open(writeFile(t, filepath.Join(dir, "f"), b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	one := func(entry string) string { return `{"a":{` + entry + `}}` }
	long := image(`{}`, 0)
	binary.LittleEndian.PutUint64(long, 100)
	huge := image(`{}`, 0)
	binary.LittleEndian.PutUint64(huge, 1<<63)
	cases := []struct {
		name string
		file []byte
		want string
	}{
		{"empty file", nil, "it is empty"},
		{"seven bytes", make([]byte, 7), "only 7 bytes"},
		{"no header", make([]byte, 8), "not a JSON object"},
		{"header longer than the file", long, "truncated"},
		{"header over the cap", huge, "more than"},
		{"leading space", image(` {}`, 0), "not a JSON object"},
		{"array", image(`[]`, 0), "not a JSON object"},
		{"text after the object", image(`{} x`, 0), "not a JSON object"},
		{"unfinished", image(`{"a":{"dtype":"F32"`, 0), "not a JSON object"},
		{"bad UTF-8", image("{\"\xff\":{}}", 0), "not a JSON object"},
		{"deep nesting", image(`{"a":`+strings.Repeat("[", 100000), 0), "not a JSON object"},
		{"entry is a number", image(`{"a":1}`, 0), "not a JSON object"},
		{"duplicate name", image(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, 2), `"a" twice`},
		{"duplicate name, escaped", image(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, 2), `"a" twice`},
		{"duplicate key", image(one(`"dtype":"I8","shape":[1],"shape":[1],"data_offsets":[0,1]`), 1), `"shape" twice`},
		{"duplicate metadata", image(`{"__metadata__":{"a":"","a":""}}`, 0), `"a" twice`},
		{"metadata twice", image(`{"__metadata__":{},"__metadata__":{}}`, 0), "twice"},
		{"metadata not strings", image(`{"__metadata__":{"a":1}}`, 0), "not a string"},
		{"metadata not an object", image(`{"__metadata__":"a"}`, 0), "not a JSON object"},
		{"unknown dtype", image(one(`"dtype":"F33","shape":[1],"data_offsets":[0,4]`), 4), "unknown dtype"},
		{"dtype is a number", image(one(`"dtype":32,"shape":[1],"data_offsets":[0,4]`), 4), "unknown dtype"},
		{"no dtype", image(one(`"shape":[1],"data_offsets":[0,4]`), 4), "unknown dtype"},
		{"no shape", image(one(`"dtype":"F32","data_offsets":[0,4]`), 4), "no shape"},
		{"null shape", image(one(`"dtype":"F32","shape":null,"data_offsets":[0,4]`), 4), "not an array"},
		{"negative shape", image(one(`"dtype":"F32","shape":[-1],"data_offsets":[0,4]`), 4), "-1, not a whole number"},
		{"fractional shape", image(one(`"dtype":"F32","shape":[1.0],"data_offsets":[0,4]`), 4), "not a whole number"},
		{"string shape", image(one(`"dtype":"F32","shape":["1"],"data_offsets":[0,4]`), 4), "not a whole number"},
		{"nested shape", image(one(`"dtype":"F32","shape":[[1]],"data_offsets":[0,4]`), 4), "not a whole number"},
		{"dimension over 64 bits", image(one(`"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,4]`), 4),
			"not a whole number"},
		{"product overflows", image(one(`"dtype":"F32","shape":[4611686018427387904,4,1],"data_offsets":[0,4]`), 4),
			"overflows"},
		{"bytes overflow", image(one(`"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]`), 4),
			"overflows"},
		{"half a byte", image(one(`"dtype":"F4","shape":[3],"data_offsets":[0,1]`), 1), "whole bytes"},
		{"no offsets", image(one(`"dtype":"F32","shape":[1]`), 4), "not two numbers"},
		{"one offset", image(one(`"dtype":"F32","shape":[1],"data_offsets":[4]`), 4), "not two numbers"},
		{"begin after end", image(one(`"dtype":"F32","shape":[1],"data_offsets":[4,0]`), 4),
			"begins at byte 4 and ends at 0"},
		{"negative offset", image(one(`"dtype":"F32","shape":[1],"data_offsets":[-4,0]`), 4), "not a whole number"},
		{"wrong length", image(one(`"dtype":"F32","shape":[2],"data_offsets":[0,4]`), 4), "takes 8 bytes"},
		{"data truncated", image(one(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), 7), "truncated"},
		{"bytes after the last tensor", image(one(`"dtype":"F32","shape":[1],"data_offsets":[0,4]`), 5),
			"1 bytes follow"},
		{"gap at the start", image(one(`"dtype":"F32","shape":[1],"data_offsets":[4,8]`), 8), "gap of 4 bytes"},
		{"gap", image(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],"data_offsets":[2,3]}}`, 3), "gap of 1 bytes"},
		{"overlap", image(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}`, 3), "overlaps"},
		{"same bytes twice", image(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}`, 2), "overlaps"},
		{"empty tensor inside another", image(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[0],"data_offsets":[1,1]}}`, 2), "overlaps"},
	}
	dir := t.TempDir()
	for _, c := range cases {
		path := writeFile(t, filepath.Join(dir, "f"), c.file)
		f, err := Open(path)
		if err == nil {
			f.Close()
			t.Errorf("%s: accepted", c.name)
			continue
		}
		if !strings.HasPrefix(err.Error(), "reading "+path+": ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "missing")} {
		if _, err := Open(path); err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("error is %v", err)
		}
	}
}
