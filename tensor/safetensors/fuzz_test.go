package safetensors

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"spell/tensor/bounded"
)

// FuzzOpen looks for panics, for accepted files whose tensors do not tile their data, and for memory
// that a file merely claims.
func FuzzOpen(f *testing.F) {
	f.Add(image(`{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}}`, 8))
	f.Add(image(`{"a":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]},`+
		`"b":{"dtype":"I8","shape":[],"data_offsets":[0,1]}}`, 1))
	f.Add(image(`{"a":{"dtype":"F32","shape":[18446744073709551615,9223372036854775807],"data_offsets":[0,8]}}`, 8))
	f.Add(image(`{"\ud83d\"":{"x":[{"y":"]"}],"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}} `, 2))
	f.Add(image(`{`, 3))
	path := filepath.Join(f.TempDir(), "f")
	f.Fuzz(func(t *testing.T, b []byte) {
		writeFile(t, path, b)
		bounded.Read(t, len(b), func() {
			file, err := Open(path)
			if err != nil {
				return
			}
			defer file.Close()
			total := 0
			for _, name := range file.Names() {
				info, ok := file.Info(name)
				if !ok {
					t.Fatalf("%q is listed, not described", name)
				}
				total += len(file.Bytes(name))
				if _, ok := floats[info.DType]; ok {
					// May refuse NaN; must not panic.
					_ = Read(file, name, make([]float32, info.Elements))
				}
			}
			if total != len(file.data) {
				t.Fatalf("tensors hold %d bytes of %d", total, len(file.data))
			}
		})
	})
}

// FuzzIndex: whatever the index of a folder and one of its shards hold, the folder opens or is refused
// by its name.
func FuzzIndex(f *testing.F) {
	shard := func(name string) []byte {
		return image(fmt.Sprintf(`{%q:{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, name), 4)
	}
	f.Add([]byte(`{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors",`+
		`"b":"model-00002-of-00002.safetensors"}}`), shard("b"))
	f.Add([]byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"x.safetensors"}, "n": NaN}`), shard("a"))
	f.Add([]byte("\xff\xfe{\x00}\x00"), shard("\u00e9"))
	f.Add([]byte(`{"weight_map":{"a":"..","a":7}}`), []byte("version https://git-lfs.github.com/spec/v1"))
	dir := f.TempDir()
	writeFile(f, filepath.Join(dir, "model-00001-of-00002.safetensors"), shard("a"))
	f.Fuzz(func(t *testing.T, index, second []byte) {
		writeFile(t, filepath.Join(dir, indexName), index)
		writeFile(t, filepath.Join(dir, "model-00002-of-00002.safetensors"), second)
		bounded.Read(t, len(index)+len(second), func() {
			m, err := OpenModel(dir)
			if err != nil {
				if !strings.Contains(err.Error(), dir) {
					t.Fatalf("%v does not name the folder", err)
				}
				return
			}
			defer m.Close()
			for _, name := range m.Names() {
				if info, ok := m.Info(name); !ok || m.Bytes(name) == nil && info.Elements > 0 {
					t.Fatalf("%q is listed and not there", name)
				}
			}
		})
	})
}

// TestBounded: the densest files that are read, and those just beyond, take no memory but their own
// and 64 MB, and what is said of them fits on a screen.
func TestBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("files of tens of megabytes")
	}
	object := func(n int, format string) string {
		text := []byte("{")
		for i := range n {
			text = append(fmt.Appendf(text, format, i, i, i+1), ',')
		}
		text[len(text)-1] = '}'
		return string(text)
	}
	tensors := `"%x":{"dtype":"I8","shape":[],"data_offsets":[%d,%d]}`
	numbers := object(1<<18, `"%x":[%d,%d]`)
	utf16 := []byte("\xff\xfe")
	for _, c := range []byte(numbers) {
		utf16 = append(utf16, c, 0)
	}
	header := func(path string) error {
		f, err := Open(path)
		if err == nil {
			f.Close()
		}
		return err
	}
	index := func(path string) error { _, err := readIndex(path); return err }
	for _, c := range []struct {
		name string
		file []byte
		read func(path string) error
	}{
		{"tensors", image(object(maxTensors, tensors), maxTensors), header},
		{"more tensors", image(object(2*maxTensors, tensors), 2*maxTensors), header},
		{"metadata", image(`{"__metadata__":`+object(1<<18, `"%[1]x":""`)+`}`, 0), header},
		{"a long string", image(`{"__metadata__":{"a":"`+strings.Repeat(`\u00e9`, 5<<20)+`"}}`, 0), header},
		{"a long name", image(`{"`+strings.Repeat("\u00e9", 15<<20)+`":7}`, 0), header},
		{"dimensions", image(`{"a":{"shape":[0`+strings.Repeat(",1", 10<<20)+`]}}`, 0), header},
		{"keys of a tensor", image(`{"a":`+numbers+`}`, 0), header},
		{"passed over", image(`{"a":{"x":`+numbers+`}}`, 0), header},
		{"weight_map", []byte(`{"weight_map":` + object(maxIndex, `"%[1]x":"s"`) + `}`), index},
		{"more in weight_map", []byte(`{"weight_map":` + object(2*maxIndex, `"%x":"s%x%x"`) + `}`), index},
		{"UTF-16", utf16, index},
		{"NaN", []byte("[" + strings.Repeat("NaN,", indexCap/4-1) + "1]"), index},
		{"too long", make([]byte, indexCap+1), index},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "f"), c.file)
			bounded.Read(t, len(c.file), func() {
				if err := c.read(path); err != nil && len(err.Error()) > 1000 {
					t.Errorf("a sentence of %d bytes", len(err.Error()))
				}
			})
		})
	}
}
