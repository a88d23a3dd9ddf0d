package open

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/gguf"
	"spell/tensor/fixture"
	tensorgguf "spell/tensor/gguf"
)

// TestFormats opens a model as a folder, as a file, and as a file without the usual name.
func TestFormats(t *testing.T) {
	b := opentest.CPU(t, 1)
	folder := fixture.Path(t, "tiny/qwen3")
	w, err := Load(t.Context(), b, folder, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	file := filepath.Join(t.TempDir(), "model.gguf")
	if err := gguf.Write(file, &w.Config, w.Rows(b), tensorgguf.F32, nil); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(filepath.Dir(file), "sha256-0123")
	if err := os.Link(file, bare); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, file, bare} {
		m, err := Model(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		c, err := Config(path)
		if err != nil || c.Hidden != w.Hidden || m.Config.Hidden != w.Hidden {
			t.Errorf("%s: %+v (%v)", path, c, err)
		}
		again, err := m.Load(t.Context(), b, m.Stored(), model.Inference)
		if err != nil {
			t.Fatal(err)
		}
		if again.Config.Vocab != w.Vocab {
			t.Errorf("%s has a vocabulary of %d", path, again.Vocab)
		}
		again.Free()
	}
}

// TestRefused wants a sentence that names the path and what to give instead.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"model.safetensors", "config.json", "model.safetensors.index.json", "model.bin",
		"cut.gguf", "only/model.gguf"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"model.safetensors":            "name its folder, " + dir,
		"config.json":                  "name its folder, " + dir,
		"model.safetensors.index.json": "name its folder, " + dir,
		"model.bin":                    "name the folder of a Hugging Face model or a GGUF file",
		"absent":                       "name the folder of a Hugging Face model or a GGUF file",
		"cut.gguf":                     "not a GGUF file",
		"only":                         "name it, --model " + filepath.Join(dir, "only", "model.gguf"),
	} {
		path := filepath.Join(dir, name)
		if _, err := Model(path); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
		if _, err := Config(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
}
