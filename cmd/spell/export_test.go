package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model/open"
	"spell/rl/runner"
	"spell/tensor/fixture"
)

// tensorsIn returns the bytes of every tensor of the safetensors in a folder, with its type and shape in
// front.
func tensorsIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no safetensors in %s (%v)", dir, err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		raw := read(t, f)
		n := binary.LittleEndian.Uint64(raw)
		var head map[string]json.RawMessage
		if err := json.Unmarshal(raw[8:8+n], &head); err != nil {
			t.Fatal(err)
		}
		delete(head, "__metadata__")
		for name, info := range head {
			var at struct {
				DType   string  `json:"dtype"`
				Shape   []int   `json:"shape"`
				Offsets [2]uint `json:"data_offsets"`
			}
			if err := json.Unmarshal(info, &at); err != nil {
				t.Fatal(err)
			}
			kind, _ := json.Marshal([]any{at.DType, at.Shape})
			all[name] = append(kind, raw[8+n:][at.Offsets[0]:at.Offsets[1]]...)
		}
	}
	return all
}

// TestExportKeepsBits exports checkpoints to folders and by way of GGUF files, and wants each tensor back
// to the byte.
func TestExportKeepsBits(t *testing.T) {
	for _, name := range []string{"tiny/qwen2", "tiny/qwen3", "tiny/llama31", "tiny/qwen2-yarn", "tiny/qwen3-moe",
		"tiny/llama2", "stories260K"} {
		t.Run(name, func(t *testing.T) {
			from := fixture.Path(t, name)
			dir := t.TempDir()
			folder, back := filepath.Join(dir, "folder"), filepath.Join(dir, "back")
			file := filepath.Join(dir, "model.gguf")
			succeed(t, "", "export", "--quiet", "--model", from, "--to", "hf", "--out", folder)
			succeed(t, "", "export", "--quiet", "--model", from, "--to", "gguf", "--out", file)
			succeed(t, "", "export", "--quiet", "--model", file, "--to", "hf", "--out", back)
			want := tensorsIn(t, from)
			for _, out := range []string{folder, back} {
				got := tensorsIn(t, out)
				for name, raw := range want {
					if !bytes.Equal(got[name], raw) {
						t.Errorf("%s: %s differs", out, name)
					}
				}
				if len(got) != len(want) {
					t.Errorf("%s has %d tensors, not %d", out, len(got), len(want))
				}
			}
		})
	}
}

// TestExportText exports a model with its tokenizer and template to a GGUF file and back, and wants the
// same ids, prompts and scores everywhere.
func TestExportText(t *testing.T) {
	f := newFixture(t)
	const template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"
	config, err := json.Marshal(map[string]any{"eos_token": endToken, "chat_template": template})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.dir, "tokenizer_config.json"), string(config))
	dir := t.TempDir()
	file, back := filepath.Join(dir, "model.gguf"), filepath.Join(dir, "back")
	succeed(t, "", "export", "--quiet", "--model", f.dir, "--to", "gguf", "--out", file)
	succeed(t, "", "export", "--quiet", "--model", file, "--to", "hf", "--out", back)
	for _, line := range [][]string{
		{"tokenize", "--text", prose}, {"tokenize", "--chat", "--text", "The ferry"}, {"score", "--text", prose[:40]},
		{"generate", "--chat", "--prompt", "The ferry", "--max-tokens", "4", "--json"},
	} {
		want := succeed(t, "", append(line, "--model", f.dir)...)
		for _, model := range []string{file, back} {
			if got := succeed(t, "", append(line, "--model", model)...); got != want {
				t.Errorf("%s of %s prints\n%s, not\n%s", line[0], model, got, want)
			}
		}
	}
}

// TestExportTypes writes a model in every type and scores it.
func TestExportTypes(t *testing.T) {
	f := newFixture(t)
	for _, typ := range exportTypes {
		for _, to := range []string{"gguf", "hf"} {
			out := filepath.Join(t.TempDir(), "model")
			o := spell(t, "", "export", "--quiet", "--model", f.dir, "--to", to, "--out", out, "--type", typ)
			if typ == "q8_0" && to == "hf" {
				o.fails(t, "--type q8_0", "--to gguf")
				continue
			}
			if o.code != 0 {
				t.Errorf("%s in %s: %s", to, typ, o.stderr)
				continue
			}
			succeed(t, "", "score", "--model", out, "--text", prose[:40])
		}
	}
}

// TestExportRefuses wants a sentence that names the thing and the mend, and nothing written.
func TestExportRefuses(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	there := write(t, filepath.Join(dir, "there", "mine.txt"), "mine")
	for line, want := range map[string]string{
		"--to gguf --out " + there:                 "is a file already",
		"--to hf --out " + there:                   "is a file already",
		"--to hf --out " + filepath.Dir(there):     "is a folder already",
		"--to gguf --out " + filepath.Dir(there):   "is a folder already",
		"--to onnx --out " + dir + "/x":            "give gguf",
		"--to gguf --type q5_k --out " + dir:       "give f32, f16, bf16, q8_0",
		"--to gguf --out " + dir + "/absent/x":     "writing " + dir + "/absent/x",
		"--to hf --out " + there + "/model":        "not a directory",
		"--to gguf --quiet --model x --out " + dir: "--model x is not there",
	} {
		args := append([]string{"export", "--model", f.dir}, strings.Fields(line)...)
		spell(t, "", args...).fails(t, want)
	}
	if string(read(t, there)) != "mine" {
		t.Error("a file was written over")
	}
}

// TestExportInterrupted ends an export in the middle and wants nothing left of it.
func TestExportInterrupted(t *testing.T) {
	f := newFixture(t)
	for _, format := range []open.Format{open.GGUF, open.Folder} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		x := exporter{Model: f.dir, Format: format, Out: filepath.Join(dir, "out")}
		if err := x.Run(ctx, runner.NewConsole(os.Stdout, os.Stderr, true)); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%v is left", slices.Collect(slices.Values(left)))
		}
	}
}

// TestExportAdapter folds adapters into the model that they were trained on, in either format, and wants
// the scores of both apart.
func TestExportAdapter(t *testing.T) {
	base := nanoModel(t)
	file := filepath.Join(t.TempDir(), "base.gguf")
	succeed(t, "", "export", "--quiet", "--model", base, "--to", "gguf", "--out", file)
	_, adapter := adapterRun(t, file)
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[1, 2, 3, 4, 5, 6, 7, 8]")
	type scores struct {
		LogProb []float64 `json:"logprob_of_next"`
	}
	score := func(args ...string) []float64 {
		return decode[scores](t, succeed(t, "", append([]string{"score", "--json", "--ids", ids}, args...)...)).LogProb
	}
	plain, want := score("--model", base), score("--model", file, "--adapter", adapter)
	for _, c := range [][2]string{{"hf", file}, {"gguf", base}} {
		out := filepath.Join(t.TempDir(), "merged")
		succeed(t, "", "export", "--quiet", "--model", c[1], "--adapter", adapter, "--to", c[0], "--type", "f32",
			"--out", out)
		moved := 0.0
		for i, got := range score("--model", out) {
			if math.Abs(got-want[i]) > 2e-3 {
				t.Errorf("%s: log-probability %d is %v, not %v", c[0], i, got, want[i])
			}
			moved = max(moved, math.Abs(got-plain[i]))
		}
		if moved < 0.01 {
			t.Errorf("%s: the adapters moved log-probabilities by %v", c[0], moved)
		}
	}
}
