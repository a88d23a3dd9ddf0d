package gguf

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"spell/tensor"
)

// output returns a tensor of v in type t.
func output(name string, t Type, shape []int, v []float32) Output {
	return Output{name, t, shape, func(w io.Writer) error { _, err := w.Write(t.Encode(nil, v)); return err }}
}

// written writes a file to a new folder and returns its path.
func written(t testing.TB, values []Pair, tensors ...Output) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := Write(path, values, tensors); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestValues(t *testing.T) {
	f := opened(t, written(t, []Pair{{"text", "ab"}, {"yes", true}, {"whole", 7}, {"float", 0.5},
		{"texts", []string{"", "x", "yz"}}, {"wholes", []int{1, -2}}, {"floats", []float64{0.25, -1}},
		{"none", []string{}}}))
	for name, c := range map[string]struct {
		read func(string) (any, error)
		want any
	}{
		"text":   {func(n string) (any, error) { return f.Text(n) }, "ab"},
		"yes":    {func(n string) (any, error) { return f.Bool(n) }, true},
		"whole":  {func(n string) (any, error) { return f.Whole(n) }, 7},
		"float":  {func(n string) (any, error) { return f.Float(n) }, 0.5},
		"texts":  {func(n string) (any, error) { return f.Texts(n) }, []string{"", "x", "yz"}},
		"wholes": {func(n string) (any, error) { return f.Wholes(n) }, []int{1, -2}},
		"floats": {func(n string) (any, error) { return f.Floats(n) }, []float64{0.25, -1}},
		"none":   {func(n string) (any, error) { return f.Texts(n) }, []string{}},
	} {
		if got, err := c.read(name); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is %v (%v), not %v", name, got, err, c.want)
		}
		for _, other := range []string{"text", "yes", "wholes", "absent"} {
			if _, err := c.read(other); other != name && err == nil {
				t.Errorf("%s was read as the kind of %s", other, name)
			} else if err != nil && (!strings.Contains(err.Error(), other) ||
				!strings.Contains(err.Error(), f.Path())) {
				t.Errorf("%v does not name %s and the file", err, other)
			}
		}
	}
	if v, err := f.Float("whole"); err != nil || v != 7 {
		t.Errorf("the whole number as a float is %v (%v)", v, err)
	}
}

// TestTensors writes every type that is written and reads all of it, and parts.
func TestTensors(t *testing.T) {
	v := make([]float32, 3*64)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	types := map[Type]float64{F32: 0, F16: 1. / 2048, BF16: 1. / 256, Q8_0: 0.02}
	var list []Output
	for typ := range types {
		list = append(list, output(typ.String(), typ, []int{3, 64}, v))
	}
	f := opened(t, written(t, nil, list...))
	for typ, within := range types {
		if info, ok := f.Tensor(typ.String()); !ok || info.Type != typ || !slices.Equal(info.Shape, []int{3, 64}) {
			t.Errorf("%v is %+v", typ, info)
		}
		for _, c := range []struct{ first, n int }{{0, 192}, {64, 64}, {160, 32}, {192, 0}} {
			raw, in, err := f.Append([]byte("before"), typ.String(), c.first, c.n)
			if err != nil || len(raw) != 6+c.n*in.Size() {
				t.Fatalf("%v: %d bytes in %v (%v)", typ, len(raw), in, err)
			}
			got := make([]float32, c.n)
			tensor.Decode(got, in, raw[6:])
			for i, x := range got {
				if d := math.Abs(float64(x - v[c.first+i])); d > within*max(1, math.Abs(float64(x))) {
					t.Errorf("%v: element %d is %v, not %v", typ, c.first+i, x, v[c.first+i])
				}
			}
		}
	}
	for _, c := range []struct {
		name     string
		first, n int
	}{{"Q8_0", 1, 32}, {"Q8_0", 0, 31}, {"F32", 190, 3}, {"F32", -1, 2}, {"absent", 0, 1}} {
		if _, _, err := f.Append(nil, c.name, c.first, c.n); err == nil || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestNotFinite(t *testing.T) {
	v := make([]float32, 64)
	v[37] = float32(math.Inf(1))
	for _, typ := range []Type{F32, BF16, F16} {
		f := opened(t, written(t, nil, output("w", typ, []int{2, 32}, v)))
		if _, _, err := f.Append(nil, "w", 32, 32); err == nil || !strings.Contains(err.Error(), "+Inf at element 37") {
			t.Errorf("%v: %v", typ, err)
		}
	}
}

// TestQuantized decodes random blocks beside loops that follow the layout element by element.
func TestQuantized(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	block := func(n int, factors ...int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		for _, at := range factors {
			tensor.Encode(b[at:], tensor.F16, []float32{float32(r.NormFloat64())})
		}
		return b
	}
	for range 100 {
		b := block(144, 0, 2)
		got := make([]float32, 256)
		decodeQ4_K(got, b)
		// The eight scales' low six bits, then the eight least values', of 12 bytes: the first four of
		// each have bytes of their own; the others' low four bits share the last four bytes and their
		// high two bits top the first eight.
		var scale, least [8]int
		for i := range 4 {
			p := b[4:16]
			scale[i], least[i] = int(p[i]%64), int(p[i+4]%64)
			scale[i+4] = int(p[i+8]%16) + int(p[i]/64)*16
			least[i+4] = int(p[i+8]/16) + int(p[i+4]/64)*16
		}
		for i, x := range got {
			q := b[16+i/64*32+i%32]
			if i%64 < 32 {
				q %= 16
			} else {
				q /= 16
			}
			want := half(b)*float32(scale[i/32])*float32(q) - half(b[2:])*float32(least[i/32])
			if math.Abs(float64(x-want)) > 1e-4*math.Abs(float64(want))+1e-6 {
				t.Fatalf("Q4_K: element %d is %v, not %v", i, x, want)
			}
		}
		b = block(210, 208)
		decodeQ6_K(got, b)
		for n := range 2 {
			low, high, scales := b[64*n:], b[128+32*n:], b[192+8*n:]
			for l := range 32 {
				for k, q := range []int{
					int(low[l]%16) + int(high[l]%4)*16, int(low[l+32]%16) + int(high[l]/4%4)*16,
					int(low[l]/16) + int(high[l]/16%4)*16, int(low[l+32]/16) + int(high[l]/64)*16,
				} {
					want := half(b[208:]) * float32(int8(scales[l/16+2*k])) * float32(q-32)
					if x := got[128*n+32*k+l]; x != want {
						t.Fatalf("Q6_K: element %d is %v, not %v", 128*n+32*k+l, x, want)
					}
				}
			}
		}
	}
}

// way matches a sentence that ends with what to do.
var way = regexp.MustCompile(`^reading \S+: .*(; download it again|; run git lfs pull .*|: convert the model again|` +
	`not supported; .* are)$`)

// TestDamaged wants a sentence that names the file for heads that lie.
func TestDamaged(t *testing.T) {
	whole, err := os.ReadFile(written(t,
		[]Pair{{"list", []string{"ab", "cd"}}, {"lisu", 1}, {"general.alignment", 32}},
		output("one", F32, []int{2, 4}, make([]float32, 8)), output("two", Q8_0, []int{1, 32}, make([]float32, 32))))
	if err != nil {
		t.Fatal(err)
	}
	put := func(after string, skip int, v uint64) []byte {
		raw := bytes.Clone(whole)
		at := bytes.Index(raw, []byte(after)) + len(after) + skip
		binary.LittleEndian.PutUint64(raw[at:], v)
		return raw
	}
	for _, c := range []struct {
		name, want string
		raw        []byte
	}{
		{"empty", "it is empty", nil},
		{"other", "does not begin with GGUF", []byte("something else")},
		{"pointer", "Git LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\n")},
		{"version 1", "version 1", append([]byte("GGUF\x01\x00\x00\x00"), whole[8:]...)},
		{"big endian", "version 50331648", append([]byte("GGUF\x00\x00\x00\x03"), whole[8:]...)},
		{"tensors", "claims", put("GGUF", 4, 1<<40)},
		{"values", "claims", put("GGUF", 12, 1<<40)},
		{"tensors beyond", "tensor", put("GGUF", 4, 1<<19)},
		{"list", "truncated", put("list", 8, 1<<60)},
		{"string", "truncated", put("list", 16, 1<<62)},
		{"alignment", "general.alignment", put("general.alignment", 4, 3<<32)},
		{"dimension", "dimension of", put("one", 4, 1<<33)},
		{"not whole blocks", "blocks of Q8_0 have 32", put("two", 4, 31)},
		{"type", "type 99", put("one", 20, 99)},
		{"type of others", "Q5_K, which is not supported", put("one", 20, 13)},
		{"the same name", `the tensor "one" is there twice`, bytes.Replace(whole, []byte("two"), []byte("one"), 1)},
		{"the same value", `metadata has "list" twice`, bytes.Replace(whole, []byte("lisu"), []byte("list"), 1)},
		{"offset", "no multiple", put("two", 24, 7)},
		{"overlap", "overlap", put("two", 24, 0)},
		{"far", "truncated", put("two", 24, 1<<40)},
		{"overflow", "truncated", put("two", 24, math.MaxUint64-31)},
		{"shorter", "truncated", whole[:len(whole)-32]},
	} {
		path := filepath.Join(t.TempDir(), "bad.gguf")
		if err := os.WriteFile(path, c.raw, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err == nil {
			f.Close()
			t.Errorf("%s: it was opened", c.name)
		} else if !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), path) != 1 ||
			!way.MatchString(err.Error()) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}
