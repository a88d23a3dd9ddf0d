package safetensors

import (
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
		{"not JSON", `{"weight_map":`, "not JSON"},
		{"not an object", `[]`, "not a JSON object"},
		{"no map", `{}`, "no weight_map"},
		{"map of numbers", `{"weight_map":{"a":1}}`, "not a string"},
		{"twice", `{"weight_map":{"a":"s1.safetensors","a":"s2.safetensors"}}`, "twice"},
		{"missing shard", `{"weight_map":{"a":"s1.safetensors","c":"s3.safetensors"}}`,
			`shard s3.safetensors, which holds tensor "c", is missing`},
		{"absent tensor", `{"weight_map":{"a":"s1.safetensors","c":"s2.safetensors"}}`,
			`tensor "c" is not in its shard s2.safetensors`},
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
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
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

// TestCheckpoints reads every tensor of the checkpoints that other programs wrote.
func TestCheckpoints(t *testing.T) {
	for _, name := range []string{
		"stories260K", "tiny/llama31", "tiny/qwen2", "tiny/qwen2-yarn", "tiny/qwen3", "tiny/qwen3-moe",
	} {
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
