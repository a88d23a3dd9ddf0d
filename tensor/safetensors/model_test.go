package safetensors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/tensor"
	"spell/tensor/fixture"
)

func TestOpenModel(t *testing.T) {
	dir := t.TempDir()
	save := func(file, name string, v float32) {
		t.Helper()
		if err := Write(filepath.Join(dir, file), nil,
			[]Tensor{FromSlice(name, tensor.F32, []int{1}, []float32{v})}); err != nil {
			t.Fatal(err)
		}
	}
	save("s1.safetensors", "a", 1)
	save("s2.safetensors", "b", 2)
	cases := []struct{ name, index, want string }{
		{"good", `{"metadata":{"total_size":8},"weight_map":{"b":"s2.safetensors","a":"s1.safetensors"}}`, ""},
		{"byte order mark", "\ufeff" + `{"weight_map":{"b":"s2.safetensors","a":"s1.safetensors"}}`, ""},
		{"not JSON", `{"weight_map":`, "not JSON"},
		{"not an object", `[]`, "not a JSON object"},
		{"no map", `{}`, "no weight_map"},
		{"map of numbers", `{"weight_map":{"a":1}}`, "not a string"},
		{"twice", `{"weight_map":{"a":"s1.safetensors","a":"s2.safetensors"}}`, "twice"},
		{"missing shard", `{"weight_map":{"a":"s1.safetensors","c":"s3.safetensors"}}`,
			`shard s3.safetensors, which holds tensor "c", is missing`},
		{"parent", `{"weight_map":{"a":"../s1.safetensors"}}`, "plain name"},
		{"dots", `{"weight_map":{"a":".."}}`, "plain name"},
		{"absolute", `{"weight_map":{"a":"/s1.safetensors"}}`, "plain name"},
		{"folder", `{"weight_map":{"a":"x/s1.safetensors"}}`, "plain name"},
		{"backslash", `{"weight_map":{"a":"x\\s1.safetensors"}}`, "plain name"},
		{"empty", `{"weight_map":{"a":""}}`, "plain name"},
	}
	for _, c := range cases {
		writeFile(t, filepath.Join(dir, indexName), []byte(c.index))
		m, err := OpenModel(dir)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) ||
				!strings.Contains(err.Error(), "; download it again") {
				t.Errorf("%s: error is %v; want %q", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !slices.Equal(m.Names(), []string{"a", "b"}) {
			t.Errorf("names are %q", m.Names())
		}
		for i, name := range m.Names() {
			v := make([]float64, 1)
			if err := Read(m, name, v); err != nil || v[0] != float64(i+1) {
				t.Errorf("%s is %v (%v)", name, v, err)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}

	// One file goes before an index, as transformers has it.
	save(singleName, "c", 3)
	m, err := OpenModel(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Names(), []string{"c"}) || m.Path("c") != filepath.Join(dir, singleName) {
		t.Errorf("names are %q", m.Names())
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenModel(t.TempDir()); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("error is %v", err)
	}
}

// TestIndexDiffers opens shards whose index says something else of them: what they hold counts.
func TestIndexDiffers(t *testing.T) {
	for _, c := range []struct {
		name   string
		shards map[string][]string // the tensors of each file
		index  map[string]string   // nil: no index
		names  []string            // as they are found
		note   string
		err    string
	}{
		{"right", map[string][]string{"model-00001-of-00002": {"a"}, "model-00002-of-00002": {"b"}},
			map[string]string{"a": "model-00001-of-00002", "b": "model-00002-of-00002"}, []string{"a", "b"}, "", ""},
		{"another shard", map[string][]string{"model-00001-of-00002": {"a"}, "model-00002-of-00002": {"b"}},
			map[string]string{"a": "model-00002-of-00002", "b": "model-00002-of-00002"}, []string{"a", "b"},
			"1 in another shard than it says (a)", ""},
		{"no shard", map[string][]string{"x": {"a"}}, map[string]string{"a": "x", "c": "x", "d": "x"}, []string{"a"},
			"2 in no shard (c, …)", ""},
		{"not listed", map[string][]string{"x": {"a", "b"}}, map[string]string{"a": "x"}, []string{"a", "b"},
			"1 in a shard, not in the index (b)", ""},
		{"a shard not listed", map[string][]string{"m-00001-of-00002": {"a"}, "m-00002-of-00002": {"b"}},
			map[string]string{"a": "m-00001-of-00002"}, []string{"a", "b"}, "1 in a shard, not in the index (b)", ""},
		{"other files", map[string][]string{"x": {"a"}, "optimizer": {"b"}, "m-00001-of-00001": {"c"}},
			map[string]string{"a": "x"}, []string{"a"}, "", ""},
		{"twice, settled", map[string][]string{"x": {"a", "b"}, "y": {"a"}}, map[string]string{"b": "x", "a": "y"},
			[]string{"a", "b"}, "", ""},
		{"twice", map[string][]string{"x": {"a", "b"}, "y": {"a", "c"}}, map[string]string{"b": "x", "c": "y"}, nil, "",
			`tensor "a" lies in x.safetensors and in y.safetensors`},
		{"no index", map[string][]string{"m-00001-of-00002": {"a"}, "m-00002-of-00002": {"b"}}, nil,
			[]string{"a", "b"}, "has no model.safetensors.index.json", ""},
		{"no index, one shard", map[string][]string{"model-00001-of-00001": {"a"}}, nil, []string{"a"},
			"are taken from model-00001-of-00001.safetensors", ""},
		{"no index, shard missing", map[string][]string{"m-00001-of-00003": {"a"}, "m-00002-of-00003": {"b"}}, nil,
			nil, "", "2 of the 3 shards"},
		{"one other file", map[string][]string{"weights": {"a"}, "adapter_model": {"b"}, "optimizer": {"c"}}, nil,
			[]string{"a"},
			"are taken from weights.safetensors", ""},
		{"an index of other shards", map[string][]string{"m-00001-of-00001": {"a"}},
			map[string]string{"a": "m-00001-of-00002", "b": "m-00002-of-00002"}, []string{"a"},
			"is of other files, none of which is there", ""},
		{"an index of shards that are missing", map[string][]string{"consolidated": {"a"}},
			map[string]string{"a": "m-00001-of-00002"}, nil, "", "shard m-00001-of-00002.safetensors"},
		{"which one", map[string][]string{"x": {"a"}, "y": {"b"}}, nil, nil, "", "name the right one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for file, names := range c.shards {
				var tensors []Tensor
				for _, name := range names {
					tensors = append(tensors, FromSlice(name, tensor.F32, []int{1}, []float32{1}))
				}
				if err := Write(filepath.Join(dir, file+".safetensors"), nil, tensors); err != nil {
					t.Fatal(err)
				}
			}
			if c.index != nil {
				index := map[string]string{}
				for name, file := range c.index {
					index[name] = file + ".safetensors"
				}
				raw, err := json.Marshal(map[string]any{"weight_map": index})
				if err != nil {
					t.Fatal(err)
				}
				writeFile(t, filepath.Join(dir, indexName), raw)
			}
			m, err := OpenModel(dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("error is %v; want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if !slices.Equal(m.Names(), c.names) {
				t.Errorf("names are %q, not %q", m.Names(), c.names)
			}
			notes := m.Notes()
			if (len(notes) > 0) != (c.note != "") || c.note != "" && !strings.Contains(notes[0], c.note) {
				t.Errorf("notes are %q; want %q", notes, c.note)
			}
		})
	}
}

// TestNoSafetensors names what is there in place of weights that can be read.
func TestNoSafetensors(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 34\n"
	for _, c := range []struct{ name, content, want string }{
		{"pytorch_model.bin", "x", "but pytorch_model.bin is, a format that is not read"},
		{"model-Q8_0.gguf", "x", "name it, --model"},
		{"adapter_model.safetensors", "x", "name the folder of a Hugging Face model"},
		{"model.safetensors", pointer, "Git LFS pointer"},
		{"model-00001-of-00001.safetensors", pointer, "Git LFS pointer"},
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, c.name), []byte(c.content))
		if _, err := OpenModel(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v; want %q", c.name, err, c.want)
		}
	}
	dir := t.TempDir()
	if err := os.Symlink("../blobs/1234", filepath.Join(dir, singleName)); err != nil {
		t.Skip(err)
	}
	if _, err := OpenModel(dir); err == nil || !strings.Contains(err.Error(), "a link to ../blobs/1234, which is not") {
		t.Errorf("a broken link: %v", err)
	}
}

// TestCheckpoints reads every tensor of the checkpoints that other programs wrote.
func TestCheckpoints(t *testing.T) {
	for _, name := range fixture.Checkpoints(t) {
		t.Run(name, func(t *testing.T) {
			m, err := OpenModel(fixture.Path(t, name))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if !slices.Contains(m.Names(), "model.embed_tokens.weight") {
				t.Errorf("no embedding among %q", m.Names())
			}
			total := 0
			for _, tensor := range m.Names() {
				info, _ := m.Info(tensor)
				if err := Read(m, tensor, make([]float32, info.Elements)); err != nil {
					t.Error(err)
				}
				total += info.Elements
			}
			// The published size of stories260K; its embedding is tied.
			if name == "stories260K" && total != 260032 {
				t.Errorf("%d parameters, not 260032", total)
			}
		})
	}
}
