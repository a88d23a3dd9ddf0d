package train

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model"
)

// saved writes a checkpoint of a tiny trained model and returns its directory.
func saved(t *testing.T, p model.Precision) (*Trainer, string) {
	t.Helper()
	tr := newTrainer(t, p, optim)
	steps(t, tr, 0, 1)
	dir := t.TempDir()
	if err := tr.Save(dir, 1, 2, progress{At: 1}, nil); err != nil {
		t.Fatal(err)
	}
	return tr, filepath.Join(dir, Name(1))
}

// inTraining returns the path in a checkpoint of a file that is no part of the model.
func inTraining(name string) string { return filepath.Join(trainingDir, name) }

// TestVerify: a checkpoint of each precision is whole, and each way to break one is found without
// reading tensors, in one sentence that names the file.
func TestVerify(t *testing.T) {
	whole := map[string]string{}
	for _, p := range precisions() {
		_, at := saved(t, p)
		whole[fmt.Sprint(p.Name, "/", p.Moments)] = at
		if err := Verify(at); err != nil {
			t.Errorf("%s/%v: a whole checkpoint: %v", p.Name, p.Moments, err)
		}
	}
	write := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut := func(name string, by int64) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err == nil {
				err = os.Truncate(filepath.Join(dir, name), info.Size()-by)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(name, from string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			raw, err := os.ReadFile(filepath.Join(from, name))
			if err != nil {
				t.Fatal(err)
			}
			write(name, string(raw))(t, dir)
		}
	}
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		say   []string
	}{
		"empty folder": {func(t *testing.T, dir string) {
			for _, name := range []string{inTraining(stateFile), inTraining(optimizerFile), "config.json",
				"model.safetensors"} {
				remove(name)(t, dir)
			}
		}, []string{"is not a checkpoint"}},
		"no folder":         {func(t *testing.T, dir string) { os.RemoveAll(dir) }, []string{"is not a checkpoint"}},
		"no state":          {remove(inTraining(stateFile)), []string{"is not a checkpoint", stateFile}},
		"state cut":         {cut(inTraining(stateFile), 5), []string{stateFile, "not valid"}},
		"state empty":       {write(inTraining(stateFile), ""), []string{stateFile, "not valid"}},
		"other version":     {write(inTraining(stateFile), `{"version":9,"precision":"f32","run":{}}`), []string{stateFile, "version 9"}},
		"unknown precision": {write(inTraining(stateFile), `{"version":2,"precision":"f8","run":{}}`), []string{stateFile, `"f8"`}},
		"unknown moments":   {write(inTraining(stateFile), `{"version":2,"precision":"f32","moments":"int4","run":{}}`), []string{stateFile, `"int4"`}},
		"no config":         {remove("config.json"), []string{"config.json"}},
		"config cut":        {cut("config.json", 9), []string{"config.json"}},
		"no weights":        {remove("model.safetensors"), []string{"model.safetensors"}},
		"weights cut":       {cut("model.safetensors", 1), []string{"model.safetensors", "truncated"}},
		"weights empty":     {write("model.safetensors", ""), []string{"model.safetensors", "it is empty"}},
		"weights longer": {func(t *testing.T, dir string) {
			raw, _ := os.ReadFile(filepath.Join(dir, "model.safetensors"))
			write("model.safetensors", string(raw)+"more")(t, dir)
		}, []string{"model.safetensors", "4 bytes follow"}},
		"no optimizer":       {remove(inTraining(optimizerFile)), []string{optimizerFile}},
		"optimizer cut":      {cut(inTraining(optimizerFile), 1), []string{optimizerFile, "truncated"}},
		"optimizer head cut": {func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, inTraining(optimizerFile)), 100) }, []string{optimizerFile}},
		"optimizer of weights": {func(t *testing.T, dir string) {
			os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, inTraining(optimizerFile)))
		}, []string{"model.safetensors"}},
		"no master copies": {replace(inTraining(optimizerFile), whole["f32/f32"]), []string{optimizerFile, ".master"}},
		"other moments":    {replace(inTraining(optimizerFile), whole["f32/int8"]), []string{optimizerFile, "U32"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), Name(1))
			if err := os.CopyFS(at, os.DirFS(whole["bf16/f32"])); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, at)
			err := Verify(at)
			if err == nil || !strings.Contains(err.Error(), at) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v; want one line with the path", err)
			}
			for _, say := range tt.say {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("error %v; want %q in it", err, say)
				}
			}
		})
	}
}

// TestLoaders: what lies in a checkpoint itself is a model and nothing else: loaders take any
// *.safetensors there for weights.
func TestLoaders(t *testing.T) {
	_, at := saved(t, model.BF16)
	found, err := filepath.Glob(filepath.Join(at, "*"))
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	if want := []string{"config.json", "model.safetensors", trainingDir}; err != nil || !slices.Equal(found, want) {
		t.Errorf("a checkpoint holds %q, want %q", found, want)
	}
}

// TestCheckpointBytes: the estimate is never less than the files of a checkpoint, and not much
// more.
func TestCheckpointBytes(t *testing.T) {
	for _, p := range precisions() {
		tr, at := saved(t, p)
		size := int64(0)
		for _, text := range content(t, at) {
			size += int64(len(text))
		}
		n := int64(len(tr.Weights.Params))
		if got := CheckpointBytes(&tr.Weights.Config, p, nil); got < size || got > size+1<<14+800*n {
			t.Errorf("%s/%v: %d bytes are estimated for %d on disk", p.Name, p.Moments, got, size)
		}
	}
}
