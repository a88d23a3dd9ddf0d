package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"spell/tensor"
)

func raw(name, dtype string, b string, shape ...int) Tensor {
	return Tensor{name, dtype, shape, func(w io.Writer) error {
		_, err := io.WriteString(w, b)
		return err
	}}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	long := make([]float64, 3*chunk+5)
	for i := range long {
		long[i] = float64(i%251) - 125
	}
	meta := map[string]string{"format": "pt", "odd \"key\" <é>": "a\nb\\"}
	tensors := []Tensor{
		FromSlice("long", tensor.F32, []int{len(long)}, long),
		FromSlice("brain", tensor.BF16, []int{1, 3}, []float32{1, -2.5, 3e38}),
		FromSlice("half", tensor.F16, []int{2}, []float64{0.5, 65504}),
		FromSlice("double", tensor.F64, nil, []float64{math.Pi}),
		raw("bytes", "U8", "abc", 3),
		raw("empty \"quoted\" é", "I64", "", 0, 7),
	}
	if err := Write(path, meta, tensors); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(b); n%8 != 0 {
		t.Errorf("the data starts at byte %d, not aligned", n+8)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !maps.Equal(f.Metadata(), meta) {
		t.Errorf("metadata is %q", f.Metadata())
	}
	if want := []string{"brain", "bytes", "double", "empty \"quoted\" é", "half", "long"}; !slices.Equal(f.Names(),
		want) {
		t.Errorf("names are %q", f.Names())
	}
	for _, w := range tensors {
		info, ok := f.Info(w.Name)
		if !ok || info.DType != w.DType || !slices.Equal(info.Shape, w.Shape) {
			t.Errorf("%q is %v, %v", w.Name, info, ok)
		}
		var want bytes.Buffer
		if err := w.Write(&want); err != nil || !bytes.Equal(f.Bytes(w.Name), want.Bytes()) {
			t.Errorf("%q came back different (%v)", w.Name, err)
		}
	}
	got := make([]float64, len(long))
	if err := Read(f, "long", got); err != nil || !slices.Equal(got, long) {
		t.Errorf("long came back different (%v)", err)
	}
	pi := make([]float64, 1)
	if err := Read(f, "double", pi); err != nil || pi[0] != math.Pi {
		t.Errorf("double is %v (%v)", pi, err)
	}

	slices.Reverse(tensors)
	if err := Write(path, maps.Clone(meta), tensors); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(path); !bytes.Equal(again, b) {
		t.Error("the order in which tensors are given changes the file")
	}
}

func TestReadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	nan := make([]float32, chunk+4)
	nan[chunk+3] = float32(math.NaN())
	f32 := FromSlice("nan", tensor.F32, []int{2, len(nan) / 2}, nan)
	inf := FromSlice("inf", tensor.BF16, []int{2, 2}, []float64{1, 2, math.Inf(-1), 4})
	wide := FromSlice("wide", tensor.F64, []int{1}, []float64{1e300})
	if err := Write(path, nil, []Tensor{f32, inf, wide, raw("int", "I8", "ab", 2)}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases := []struct {
		name string
		n    int
		want string
	}{
		{"nan", len(nan), `tensor "nan" holds NaN at [1 8193]`},
		{"inf", 4, `tensor "inf" holds -Inf at [1 0]`},
		{"wide", 1, `tensor "wide" holds +Inf at [0]`},
		{"inf", 3, "4 elements, where 3 are wanted"},
		{"int", 2, "is I8"},
		{"missing", 2, `no tensor "missing"`},
	}
	for _, c := range cases {
		err := Read(f, c.name, make([]float32, c.n))
		if err == nil || !strings.HasPrefix(err.Error(), "reading "+path+": ") ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v; want %q", err, c.want)
		}
	}
	if err := Read(f, "wide", make([]float64, 1)); err != nil {
		t.Error(err)
	}
}

func TestReadOfTruncatedMapping(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows reads files whole")
	}
	path := filepath.Join(t.TempDir(), "f")
	n := 1 << 16
	if err := Write(path, nil, []Tensor{FromSlice("a", tensor.F32, []int{n}, make([]float32, n))}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if err := Read(f, "a", make([]float32, n)); err == nil || !strings.Contains(err.Error(), "not readable any more") {
		t.Errorf("error is %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	boom := errors.New("boom")
	fails := Tensor{"a", "U8", []int{3}, func(w io.Writer) error { return boom }}
	var many []Tensor // their sum passes MaxInt
	for _, name := range strings.Split("abcdefghi", "") {
		many = append(many, raw(name, "U8", "", math.MaxInt/8+1))
	}
	cases := []struct {
		name    string
		meta    map[string]string
		tensors []Tensor
		want    string
	}{
		{"short", nil, []Tensor{raw("a", "U8", "ab", 3)}, "1 of 3 bytes are missing"},
		{"long", nil, []Tensor{raw("a", "U8", "abcd", 3)}, "1 bytes more"},
		{"failing", nil, []Tensor{fails}, "boom"},
		{"twice", nil, []Tensor{raw("a", "U8", "a", 1), raw("a", "U8", "b", 1)}, "given twice"},
		{"reserved", nil, []Tensor{raw(metaKey, "U8", "a", 1)}, "reserved"},
		{"dtype", nil, []Tensor{raw("a", "u8", "a", 1)}, "unknown dtype"},
		{"shape", nil, []Tensor{raw("a", "U8", "a", -1)}, "negative"},
		{"overflow", nil, []Tensor{raw("a", "U8", "a", math.MaxInt, 4)}, "overflows"},
		{"sum", nil, many, "too large"},
		{"name", nil, []Tensor{raw("\xff", "U8", "a", 1)}, "not UTF-8"},
		{"metadata", map[string]string{"a": "\xff"}, nil, "not UTF-8"},
	}
	dir := t.TempDir()
	path := writeFile(t, filepath.Join(dir, "f"), []byte("old"))
	for _, c := range cases {
		err := Write(path, c.meta, c.tensors)
		if err == nil || !strings.HasPrefix(err.Error(), "writing "+path+": ") ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v; want %q", c.name, err, c.want)
		}
		if old, _ := os.ReadFile(path); string(old) != "old" {
			t.Fatalf("%s: the old file is gone", c.name)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}
