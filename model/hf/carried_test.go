package hf

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/tensor"
)

// TestCarried loads and saves a model whose folder holds what published ones hold.
func TestCarried(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir, _ := saved(t, b, "qwen2", true)
	path := filepath.Join(dir, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "torch_dtype")
	fields["dtype"], fields["transformers_version"], fields["attention_dropout"] = "float32", "5.0.0", 0.0
	fields["architectures"] = []string{"Qwen2Model"}
	if raw, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	carried := []string{"generation_config.json", "LICENSE", "License.txt", "merges.txt", "vocab.json",
		"tokenizer.model", "README.md"}
	left := []string{"tokenizer.json", "tokenizer_config.json", ".gitattributes", "pytorch_model.bin",
		"picture.png", "trainer_state.json", "other.safetensors", "old.safetensors.index.json"}
	for _, name := range slices.Concat(carried, left) {
		content := []byte("{}")
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	w, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	to := t.TempDir()
	if err := Save(b, w, to, tensor.BF16); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := slices.Sorted(slices.Values(append(carried, "config.json", weightsFile)))
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("the folder holds %q, not %q", names, want)
	}
	if raw, err = os.ReadFile(filepath.Join(to, "config.json")); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	fields["dtype"], fields["architectures"] = "bfloat16", []any{"Qwen2ForCausalLM"}
	if !maps.EqualFunc(got, fields, func(a, b any) bool {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return bytes.Equal(x, y)
	}) {
		t.Errorf("config.json is\n%s, not of\n%v", raw, fields)
	}

	// Of another decoder, the file that came along says nothing.
	w.Config.Context *= 2
	if err := Save(b, w, to, tensor.BF16); err != nil {
		t.Fatal(err)
	}
	if c, err := ReadConfig(to); err != nil || c.Context != w.Config.Context {
		t.Errorf("the context is %d (%v), not %d", c.Context, err, w.Config.Context)
	}
}
