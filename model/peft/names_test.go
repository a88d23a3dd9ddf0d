package peft

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels/ref"
	"spell/model"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// renamed writes the adapters in dir again under other names, and more tensors beside them.
func renamed(t *testing.T, dir string, to func(name string) string, more ...string) {
	t.Helper()
	path := filepath.Join(dir, weightsName)
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []safetensors.Tensor
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		v := make([]float32, info.Elements)
		if err := safetensors.Read(f, name, v); err != nil {
			t.Fatal(err)
		}
		all = append(all, safetensors.FromSlice(to(name), tensor.F32, info.Shape, v))
	}
	for _, name := range more {
		all = append(all, safetensors.FromSlice(name, tensor.F32, []int{1}, []float32{0}))
	}
	if err := safetensors.Write(path, nil, all); err != nil {
		t.Fatal(err)
	}
}

// TestNames loads adapters in the names of other programs, and refuses by what they are tensors that are
// no adapters of matrices.
func TestNames(t *testing.T) {
	b := ref.New[float32]()
	replace := func(old, new string) func(string) string {
		return func(name string) string { return strings.Replace(name, old, new, 1) }
	}
	same := func(name string) string { return name }
	want := score(t, b, adapted(t, b, plain))
	for _, c := range []struct {
		what string
		to   func(string) string
		more []string
		err  string
	}{
		{"PEFT", same, nil, ""},
		{"the name of an adapter", func(name string) string { return strings.Replace(name, ".weight", ".sql.weight", 1) }, nil, ""},
		{"no prefix", replace(prefix, ""), nil, ""},
		{"prefix twice", replace(prefix, prefix+prefix), nil, ""},
		{"the class without a head", replace(prefix+"model.", prefix), nil, ""},
		{"compiled", replace(prefix, prefix+"_orig_mod."), nil, ""},
		{"two adapters", same, []string{prefix + "model.layers.1.mlp.down_proj.lora_A.sql.weight"}, "keep one adapter"},
		{"head", same, []string{prefix + "lm_head.lora_B.weight"}, "of an adapter of the embedding or the head"},
		{"whole embedding", same, []string{prefix + "model.embed_tokens.weight"}, "save_embedding_layers=False"},
		{"DoRA", same, []string{prefix + "model.layers.1.mlp.up_proj.lora_magnitude_vector"}, "one of DoRA"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := saved(t, b, plain)
			renamed(t, dir, c.to, c.more...)
			w := base(t, b)
			_, err := Load(b, w, dir, model.Inference)
			switch {
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q", err, c.err)
			case c.err == "" && !slices.Equal(score(t, b, w), want):
				t.Error("the adapters are others")
			}
		})
	}
}

// TestNotAdapters: a path near adapters is told the way to them.
func TestNotAdapters(t *testing.T) {
	dir := saved(t, ref.New[float32](), plain)
	run := t.TempDir()
	step := filepath.Join(run, "step-000010")
	if err := os.Rename(dir, step); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		run: "such as " + step,
		filepath.Join(step, weightsName): "is a file; name the folder of a LoRA adapter as PEFT saves it, such as " +
			step,
		filepath.Join(run, "none"):        "holds no " + configName,
		filepath.Join(step, "none", "at"): "holds no " + configName,
	} {
		if _, err := ReadConfig(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
}
