package hf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/model"
	"spell/tensor/bounded"
	"spell/tensor/fixture"
)

// FuzzOpen: whatever config.json and generation_config.json say, the weights beside them are a model
// whose every parameter can be asked for, or the folder is refused by its name; and what the files
// merely claim is not allocated.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	weights := fixture.Path(f, "tiny/qwen2")
	raw, err := os.ReadFile(filepath.Join(weights, "config.json"))
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(weights))
	}
	if err != nil {
		f.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	m.Close()
	f.Add(raw, []byte(`{"eos_token_id": [1, 2]}`))
	f.Add([]byte(strings.Replace(string(raw), `"qwen2"`, `"qwen3"`, 1)), []byte(`{"temperature": NaN}`))
	for _, c := range accepted {
		f.Add(with(f, c.over), []byte("{}"))
	}
	f.Fuzz(func(t *testing.T, config, generation []byte) {
		for name, text := range map[string][]byte{"config.json": config, "generation_config.json": generation} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		bounded.Read(t, len(config)+len(generation), func() {
			m, err := Open(dir)
			if err != nil {
				if !strings.Contains(err.Error(), dir) {
					t.Fatalf("%v does not name the folder", err)
				}
				return
			}
			defer m.Close()
			for _, s := range model.Shapes(&m.Config) {
				m.TypeOf(s)
				if _, _, err := m.read(nil, s, 0, 1); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}

// TestBounded: the most expensive config.json of the largest size takes no memory but its own and 64 MB.
func TestBounded(t *testing.T) {
	fill := func(before, each, after string) []byte {
		text := []byte(before)
		for i := 0; len(text) < maxConfig-40; i++ {
			text = append(fmt.Appendf(text, each, i), ',')
		}
		return append(text[:len(text)-1], after...)
	}
	for name, text := range map[string][]byte{
		"layer_types":     fill(`{"model_type":"qwen3","layer_types":[`, `"%.0d"`, "]}"),
		"mlp_only_layers": fill(`{"model_type":"qwen3_moe","mlp_only_layers":[`, "%.1[1]d", "]}"),
		"eos_token_id":    fill(`{"model_type":"qwen3","eos_token_id":[`, "%d", "]}"),
		"rope_scaling":    fill(`{"model_type":"qwen3","rope_scaling":{`, `"%x":0`, "}}"),
		"unknown":         fill(`{"model_type":"qwen3",`, `"%x":[]`, "}"),
		"twice":           fill(`{"model_type":"qwen3",`, `"rope_scaling":{"a":%d}`, "}"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, configName), text, 0o666); err != nil {
				t.Fatal(err)
			}
			bounded.Read(t, len(text), func() {
				if _, err := ReadConfig(dir); err != nil && len(err.Error()) > 1000 {
					t.Errorf("a sentence of %d bytes", len(err.Error()))
				}
			})
		})
	}
}
