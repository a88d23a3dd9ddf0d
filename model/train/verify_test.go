package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/model"
	"spell/tensor/safetensors"
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
			for _, name := range []string{stateFile, optimizerFile, "config.json", "model.safetensors",
				"model.safetensors.index.json"} {
				remove(name)(t, dir)
			}
		}, []string{"is not a checkpoint"}},
		"no folder":         {func(t *testing.T, dir string) { os.RemoveAll(dir) }, []string{"is not a checkpoint"}},
		"no state":          {remove(stateFile), []string{"is not a checkpoint", stateFile}},
		"state cut":         {cut(stateFile, 5), []string{stateFile, "not valid"}},
		"state empty":       {write(stateFile, ""), []string{stateFile, "not valid"}},
		"other version":     {write(stateFile, `{"version":9,"precision":"f32","run":{}}`), []string{stateFile, "version 9"}},
		"unknown precision": {write(stateFile, `{"version":2,"precision":"f8","run":{}}`), []string{stateFile, `"f8"`}},
		"unknown moments":   {write(stateFile, `{"version":2,"precision":"f32","moments":"int4","run":{}}`), []string{stateFile, `"int4"`}},
		"no config":         {remove("config.json"), []string{"config.json"}},
		"config cut":        {cut("config.json", 9), []string{"config.json"}},
		"no weights":        {remove("model.safetensors"), []string{"model.safetensors"}},
		"weights cut":       {cut("model.safetensors", 1), []string{"model.safetensors", "truncated"}},
		"weights empty":     {write("model.safetensors", ""), []string{"model.safetensors", "0 bytes"}},
		"weights longer": {func(t *testing.T, dir string) {
			raw, _ := os.ReadFile(filepath.Join(dir, "model.safetensors"))
			write("model.safetensors", string(raw)+"more")(t, dir)
		}, []string{"model.safetensors", "4 bytes follow"}},
		"no optimizer":       {remove(optimizerFile), []string{optimizerFile}},
		"optimizer cut":      {cut(optimizerFile, 1), []string{optimizerFile, "truncated"}},
		"optimizer head cut": {func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, optimizerFile), 100) }, []string{optimizerFile}},
		"optimizer of weights": {func(t *testing.T, dir string) {
			os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, optimizerFile))
		}, []string{"model.safetensors"}},
		"no master copies": {replace(optimizerFile, whole["f32/f32"]), []string{optimizerFile, ".master"}},
		"other moments":    {replace(optimizerFile, whole["f32/int8"]), []string{optimizerFile, "U32"}},
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

// TestIndex: the index of a checkpoint lists exactly the model's tensors, all in model.safetensors,
// so that loaders which take every other *.safetensors for weights leave the optimizer's out.
func TestIndex(t *testing.T) {
	tr, at := saved(t, model.BF16)
	raw, err := os.ReadFile(filepath.Join(at, "model.safetensors.index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Metadata map[string]int    `json:"metadata"`
		Map      map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(at, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var listed []string
	for name, file := range index.Map {
		if file != "model.safetensors" {
			t.Errorf("tensor %s lies in %s", name, file)
		}
		listed = append(listed, name)
	}
	slices.Sort(listed)
	size := 0
	for _, name := range f.Names() {
		size += len(f.Bytes(name))
	}
	if !reflect.DeepEqual(listed, f.Names()) || len(listed) != len(tr.Weights.Params) ||
		index.Metadata["total_size"] != size {
		t.Errorf("the index lists %v of %d bytes; the file has %v of %d", listed, index.Metadata["total_size"],
			f.Names(), size)
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
		if got := CheckpointBytes(&tr.Weights.Config, p); got < size || got > size+1<<14+800*n {
			t.Errorf("%s/%v: %d bytes are estimated for %d on disk", p.Name, p.Moments, got, size)
		}
	}
}
