package gguf

import (
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/tensor/bounded"
)

// FuzzOpen looks for panics in files of any content, their values and their tensors, and for memory
// that a file merely claims.
func FuzzOpen(f *testing.F) {
	raw, err := os.ReadFile(written(f, []Pair{{"general.architecture", "llama"}, {"n", 3}, {"x", 0.5},
		{"list", []string{"ab", ""}}, {"numbers", []int{1, 2}}},
		output("one", Q8_0, []int{2, 32}, make([]float32, 64)), output("two", BF16, []int{3}, make([]float32, 3)),
		output("none", F32, []int{0, 4}, nil)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	path := filepath.Join(f.TempDir(), "fuzz.gguf")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		var file *File
		bounded.Read(t, len(raw), func() {
			if file, err = Open(path); err != nil {
				if !strings.Contains(err.Error(), path) {
					t.Fatalf("%v does not name the file", err)
				}
				return
			}
			for name := range file.values {
				file.Text(name)
				file.Texts(name)
				file.Wholes(name)
				file.Floats(name)
				file.Float(name)
				file.Bool(name)
			}
		})
		if err != nil {
			return
		}
		defer file.Close()
		for _, name := range file.Names() {
			info, _ := file.Tensor(name)
			file.Append(nil, name, 0, info.Elements())
		}
	})
}

// TestBounded: the densest heads that are read, and those just beyond, take no memory but their own and
// 64 MB.
func TestBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("files of tens of megabytes")
	}
	head := func(tensors, values int) []byte {
		raw := binary.LittleEndian.AppendUint32([]byte(magic), newest)
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(raw, uint64(tensors)), uint64(values))
	}
	name := func(raw []byte, i int) []byte {
		return append(binary.LittleEndian.AppendUint64(raw, 4), '0'+byte(i>>18), '0'+byte(i>>12%64), '0'+byte(i>>6%64),
			'0'+byte(i%64))
	}
	tensors := func(n int) []byte {
		raw := head(n, 0)
		for i := range n {
			raw = binary.LittleEndian.AppendUint32(name(raw, i), 4)
			raw = append(raw, make([]byte, 4*8+4+8)...) // empty ones of F32, all at 0
		}
		return append(raw, make([]byte, defaultRun)...)
	}
	list := func(k kind, n int) []byte {
		raw := binary.LittleEndian.AppendUint32(name(head(0, 1), 0), uint32(9))
		raw = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(raw, uint32(k)), uint64(n))
		return append(raw, make([]byte, n*cmp.Or(k.size(), 8)+defaultRun)...)
	}
	values := head(0, maxValues)
	for i := range maxValues {
		values = append(name(values, i), 0, 0, 0, 0, 7) // a uint8
	}
	values = append(values, make([]byte, defaultRun)...)
	for _, c := range []struct {
		name string
		file []byte
		ok   bool
	}{
		{"tensors", tensors(maxTensors), true},
		{"more tensors", tensors(2 * maxTensors), false},
		{"values", values, true},
		{"strings", list(text, maxList), true},
		{"bytes", list(u8, maxList), true},
		{"more strings", list(text, 4*maxList), true}, // until they are asked for
		{"more bytes", list(u8, 32*maxList), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, c.file, 0o666); err != nil {
				t.Fatal(err)
			}
			bounded.Read(t, len(c.file), func() {
				f, err := Open(path)
				if (err == nil) != c.ok {
					t.Error(err)
				}
				if err == nil {
					defer f.Close()
					for name := range f.values {
						f.Texts(name)
						f.Wholes(name)
					}
				}
			})
		})
	}
}
