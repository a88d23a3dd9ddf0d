package safetensors

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/tensor"
)

// TestE4M3 reads codes whose values the format's paper lists.
func TestE4M3(t *testing.T) {
	codes := []byte{0x00, 0x80, 0x01, 0x07, 0x08, 0x38, 0xb8, 0x3c, 0x40, 0x7e, 0xfe}
	want := []float64{0, 0, 0x1p-9, 0x7p-9, 0x1p-6, 1, -1, 1.5, 2, 448, -448}
	save := func(codes []byte) *File {
		path := filepath.Join(t.TempDir(), "f8.safetensors")
		if err := Write(path, nil, []Tensor{{Name: "w", DType: "F8_E4M3", Shape: []int{1, len(codes)},
			Write: func(w io.Writer) error { _, err := w.Write(codes); return err }}}); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	got := make([]float64, len(codes))
	if err := Read(save(codes), "w", got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v (%v), not %v", got, err, want)
	}
	if err := ReadFrom(save(codes), "w", 9, got[:1]); err != nil || got[0] != 448 {
		t.Errorf("element 9 is %v (%v)", got[0], err)
	}
	for _, nan := range []byte{0x7f, 0xff} {
		err := Read(save([]byte{0, nan}), "w", make([]float32, 2))
		if err == nil || !strings.Contains(err.Error(), "NaN at [0 1]") {
			t.Errorf("%#x: %v", nan, err)
		}
	}
}

// TestAppend compares the elements that Append gives with those of Read, for every type, and what it
// says of elements that are not finite.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	v := make([]float64, 35)
	for i := range v {
		v[i] = float64(i-17) * 0.37
	}
	types := []tensor.DType{tensor.F32, tensor.BF16, tensor.F16, tensor.F64}
	var list []Tensor
	for _, d := range types {
		list = append(list, FromSlice(d.String(), d, []int{5, 7}, v))
		for _, bad := range []int{0, 6, 34} {
			with := slices.Clone(v)
			with[bad] = math.Inf(-1)
			if bad == 6 {
				with[bad] = math.NaN()
			}
			list = append(list, FromSlice(fmt.Sprintf("%v %d", d, bad), d, []int{5, 7}, with))
		}
	}
	if err := Write(path, nil, list); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, d := range types {
		for _, c := range []struct{ first, n int }{{0, 35}, {7, 3}, {34, 1}, {35, 0}} {
			want := make([]float32, c.n)
			if err := ReadFrom(f, d.String(), c.first, want); err != nil {
				t.Fatal(err)
			}
			raw, in, err := Append([]byte("before"), f, d.String(), c.first, c.n)
			if err != nil || in == tensor.BF16 != (d == tensor.BF16) || string(raw[:6]) != "before" {
				t.Fatalf("%v: in %v (%v)", d, in, err)
			}
			got := make([]float32, c.n)
			tensor.Decode(got, in, raw[6:])
			if !slices.Equal(got, want) || len(raw) != 6+c.n*in.Size() {
				t.Errorf("%v from %d: %v, not %v", d, c.first, got, want)
			}
		}
		for bad, where := range map[int]string{0: "-Inf at [0 0]", 6: "NaN at [0 6]", 34: "-Inf at [4 6]"} {
			name := fmt.Sprintf("%v %d", d, bad)
			if _, _, err := Append(nil, f, name, 0, 35); err == nil || !strings.Contains(err.Error(), where) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := Append(nil, f, d.String(), 30, 6); err == nil {
			t.Errorf("%v: an element beyond the last was read", d)
		}
	}
	if _, _, err := Append(nil, f, "absent", 0, 1); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("an absent tensor: %v", err)
	}
}
