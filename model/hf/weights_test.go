package hf

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/internal/countdown"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// small is a decoder of the given family; "biased" is a llama with every bias.
func small(family string, tied bool) model.Config {
	c := model.Config{
		Family: family, Vocab: 40, Hidden: 24, FF: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		QKVBias: family == "qwen2", QKNorm: strings.HasPrefix(family, "qwen3"), Tied: tied, NormEps: 1e-6, Context: 64,
		Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{3},
	}
	switch family {
	case "mistral":
		c.Window = 16
	case "biased":
		c.Family, c.QKVBias, c.OBias, c.MLPBias = "llama", true, true, true
	case "qwen3_moe":
		c.Mixture = model.Mixture{Experts: 3, TopK: 2, ExpertFF: 10, SparseStep: 1, DenseLayers: []int{0}, AuxLoss: 0.5}
	}
	return c
}

// random is a model of c whose every parameter, biases and norms too, differs from every other.
func random(t testing.TB, b kernels.Backend, c model.Config, p model.Precision, purpose model.Purpose) *model.Weights {
	t.Helper()
	w, err := model.NewWeights(b, c, p, purpose)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	w.Initialize(b, 7, model.Init{Embedding: 1, Matrix: 1, Residual: 1})
	for i, q := range w.Params {
		v := values(b, q.Master)
		if q.Master.IsZero() {
			v = values(b, q.W)
		}
		for j := range v {
			v[j] += float32(i) + float32(j)/1024
		}
		model.Set(b, q, v)
	}
	return w
}

func values(b kernels.Backend, m tensor.Mat) []float32 {
	if m.IsZero() {
		return nil
	}
	v := make([]float32, m.Len())
	kernels.Download(b, v, m)
	return v
}

// TestSaveLoad wants every parameter back, bit for bit, in the type it was written in.
func TestSaveLoad(t *testing.T) {
	b := opentest.CPU(t, 1)
	for _, c := range []struct {
		precision model.Precision
		dtype     tensor.DType
	}{{model.F32, tensor.F32}, {model.BF16, tensor.BF16}, {model.BF16, tensor.F32}} {
		for _, family := range []string{"llama", "biased", "mistral", "qwen2", "qwen3", "qwen3_moe"} {
			for _, tied := range []bool{true, false} {
				for _, purpose := range []model.Purpose{model.Training, model.Inference} {
					t.Run(fmt.Sprintf("%s as %v/%s/tied=%v/trained=%v", c.precision.Name, c.dtype, family, tied,
						purpose == model.Training), func(t *testing.T) {
						dir := filepath.Join(t.TempDir(), "new", "model")
						w := random(t, b, small(family, tied), c.precision, purpose)
						if err := Save(b, w, dir, c.dtype); err != nil {
							t.Fatal(err)
						}
						got, err := Load(b, dir, c.precision, purpose)
						if err != nil {
							t.Fatal(err)
						}
						defer got.Free()
						if !reflect.DeepEqual(got.Config, w.Config) {
							t.Errorf("configuration %+v, want %+v", got.Config, w.Config)
						}
						if got.Trained() != (purpose == model.Training) {
							t.Errorf("trained is %v", got.Trained())
						}
						for i, p := range w.Params {
							q := got.Params[i]
							if q.Name != p.Name || !slices.Equal(values(b, q.W), values(b, p.W)) {
								t.Errorf("%s differs from %s", q.Name, p.Name)
							}
							if c.dtype == tensor.F32 && !slices.Equal(values(b, q.Master), values(b, p.Master)) {
								t.Errorf("the master copy of %s differs", p.Name)
							}
						}
					})
				}
			}
		}
	}
}

// TestSaveIsDeterministic writes the same bytes twice.
func TestSaveIsDeterministic(t *testing.T) {
	b := opentest.CPU(t, 1)
	w := random(t, b, small("qwen3", true), model.F32, model.Inference)
	dir := t.TempDir()
	var first [][]byte
	for range 2 {
		if err := Save(b, w, dir, tensor.F32); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 2 {
			t.Fatalf("%v (%v)", files, err)
		}
		var all [][]byte
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, raw)
		}
		if first != nil && !reflect.DeepEqual(all, first) {
			t.Error("two saves differ")
		}
		first = all
	}
}

// A checkpoint is a saved model taken apart: its tensors' shapes and values by name.
type checkpoint map[string]*part

type part struct {
	shape []int
	v     []float32
}

// write makes dir/model.safetensors of c.
func (c checkpoint) write(t *testing.T, dir string) {
	t.Helper()
	var list []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(c)) {
		list = append(list, safetensors.FromSlice(name, tensor.F32, c[name].shape, c[name].v))
	}
	if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), nil, list); err != nil {
		t.Fatal(err)
	}
}

// saved writes a model of the family to a new directory and returns its parts.
func saved(t *testing.T, b kernels.Backend, family string, tied bool) (string, checkpoint) {
	t.Helper()
	dir := t.TempDir()
	w := random(t, b, small(family, tied), model.F32, model.Inference)
	if err := Save(b, w, dir, tensor.F32); err != nil {
		t.Fatal(err)
	}
	c := checkpoint{}
	for _, p := range w.Params {
		for _, q := range p.Tensors() {
			shape := []int{q.Rows, p.Cols}
			if p.Kind == model.Norm || p.Kind == model.Bias {
				shape = []int{p.Cols}
			}
			c[q.Name] = &part{shape, values(b, p.W.Slice(q.Row, q.Row+q.Rows))}
		}
	}
	return dir, c
}

func TestLoadRefusesWeights(t *testing.T) {
	b := opentest.CPU(t, 1)
	const norm, gate = "model.norm.weight", "model.layers.1.mlp.gate_proj.weight"
	for _, c := range []struct {
		name string
		edit func(c checkpoint)
		want []string
	}{
		{"no tensor", func(c checkpoint) { delete(c, gate) }, []string{"no tensor " + gate}},
		{"another program's names", func(c checkpoint) { c["layers.1.w1.weight"] = c[gate]; delete(c, gate) }, []string{"no tensor " + gate, "they hold layers.1.w1.weight, of another"}},
		{"adapters not merged", func(c checkpoint) {
			c["model.layers.1.mlp.gate_proj.base_layer.weight"] = c[gate]
			delete(c, gate)
		}, []string{"adapters that are not merged", "gate_proj.base_layer.weight", "merge them"}},
		{"GPTQ", func(c checkpoint) {
			c["model.layers.1.mlp.gate_proj.qweight"], c["model.layers.1.mlp.gate_proj.scales"] = c[gate], c[norm]
			delete(c, gate)
		}, []string{"quantized (GPTQ or AWQ, by tensor model.layers.1.mlp.gate_proj.qweight)",
			"use the unquantized model"}},
		{"MLX", func(c checkpoint) {
			c[gate] = &part{[]int{32, 3}, c[gate].v[:96]}
			c["model.layers.1.mlp.gate_proj.scales"] = c[norm]
		}, []string{"quantized (MLX, by tensor model.layers.1.mlp.gate_proj.scales)"}},
		{"bitsandbytes", func(c checkpoint) {
			c[gate] = &part{[]int{384, 1}, c[gate].v[:384]}
			c[gate+".absmax"] = c[norm]
		}, []string{"quantized (bitsandbytes, "}},
		{"no norm", func(c checkpoint) { delete(c, norm) }, []string{"no tensor " + norm}},
		{"no bias", func(c checkpoint) { delete(c, "model.layers.0.self_attn.k_proj.bias") }, []string{"no tensor model.layers.0.self_attn.k_proj.bias"}},
		{"transposed", func(c checkpoint) { slices.Reverse(c[gate].shape) }, []string{gate, "[24 32]", "[32 24]", "restore the config.json"}},
		{"ZeRO-3", func(c checkpoint) { c[gate] = &part{[]int{0}, nil} }, []string{gate, "has shape [0]", "save the model again"}},
		{"norm as a matrix", func(c checkpoint) { c[norm].shape = []int{1, 24} }, []string{norm, "[1 24]", "[24]"}},
		{"smaller vocabulary", func(c checkpoint) {
			p := c["model.embed_tokens.weight"]
			p.shape, p.v = []int{39, 24}, p.v[:39*24]
		}, []string{"model.embed_tokens.weight", "[39 24]", "[40 24]"}},
		{"one layer more", func(c checkpoint) { c["model.layers.2.mlp.gate_proj.weight"] = c[gate] }, []string{"model.layers.2.mlp.gate_proj.weight", "no place in a qwen2 model"}},
		{"norm of qwen3", func(c checkpoint) { c["model.layers.0.self_attn.q_norm.weight"] = &part{[]int{8}, make([]float32, 8)} }, []string{"q_norm.weight", "no place"}},
		{"NaN", func(c checkpoint) { c[gate].v[27] = float32(math.NaN()) }, []string{gate, "NaN at [1 3]", "finite"}},
		{"infinity", func(c checkpoint) { c[norm].v[5] = float32(math.Inf(-1)) }, []string{norm, "-Inf at [5]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, parts := saved(t, b, "qwen2", true)
			c.edit(parts)
			parts.write(t, dir)
			refused(t, b, dir, c.want...)
		})
	}
}

// refused fails unless loading dir gives one line that names dir and holds each of want.
func refused(t *testing.T, b kernels.Backend, dir string, want ...string) {
	t.Helper()
	w, err := Load(b, dir, model.F32, model.Inference)
	if err == nil {
		w.Free()
		t.Fatal("it was loaded")
	}
	for _, s := range append(want, dir) {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%v; want %q", err, s)
		}
	}
	if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "; ") {
		t.Errorf("not one line with what to do: %v", err)
	}
}

// TestLoadIgnores loads what some checkpoints hold beside the parameters.
func TestLoadIgnores(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir, parts := saved(t, b, "llama", true)
	parts["model.layers.0.self_attn.rotary_emb.inv_freq"] = &part{[]int{4}, make([]float32, 4)}
	parts["lm_head.weight"] = parts["model.embed_tokens.weight"]
	parts.write(t, dir)
	w, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	if w.Head != w.Embed {
		t.Error("the head is not the embedding")
	}
}

// TestSpellings loads models whose tensors other classes and trainers have named and added to.
func TestSpellings(t *testing.T) {
	b := opentest.CPU(t, 1)
	one := func() *part { return &part{[]int{1}, []float32{1}} }
	rename := func(c checkpoint, to func(name string) string) {
		for _, name := range slices.Collect(maps.Keys(c)) {
			p := c[name]
			delete(c, name)
			c[to(name)] = p
		}
	}
	for _, c := range []struct {
		name string
		edit func(c checkpoint)
		note string
		err  string
	}{
		{"without model.", func(c checkpoint) {
			rename(c, func(name string) string { return strings.TrimPrefix(name, "model.") })
		}, "", ""},
		{"wrapped", func(c checkpoint) {
			rename(c, func(name string) string { return "module." + name })
		}, "", ""},
		{"value head", func(c checkpoint) {
			c["v_head.summary.weight"], c["v_head.summary.bias"] = one(), one()
		}, "passed over, because the decoder has no such parameters: v_head.summary.bias, v_head.summary.weight", ""},
		{"many", func(c checkpoint) {
			for i := range 7 {
				c[fmt.Sprintf("value_head.%d", i)] = one()
			}
		}, "value_head.3 and 3 more", ""},
		{"nothing in a block", func(c checkpoint) { c["model.layers.0.mlp.act_fn.buffer"] = &part{[]int{0}, nil} }, "", ""},
		{"bias in a block", func(c checkpoint) { c["model.layers.0.self_attn.o_proj.bias"] = one() }, "", "o_proj.bias"},
		{"both spellings", func(c checkpoint) { c["layers.0.self_attn.q_proj.weight"] = one() },
			"passed over, because the decoder has no such parameters: layers.0.self_attn.q_proj.weight", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, parts := saved(t, b, "qwen2", false)
			plain, err := Load(b, dir, model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Free()
			c.edit(parts)
			parts.write(t, dir)
			if c.err != "" {
				refused(t, b, dir, c.err, "no place")
				return
			}
			w, err := Load(b, dir, model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Free()
			for i, p := range plain.Params {
				if !slices.Equal(values(b, w.Params[i].W), values(b, p.W)) {
					t.Errorf("%s differs", p.Name)
				}
			}
			if said := strings.Join(w.Notes, "\n"); (said != "") != (c.note != "") || !strings.Contains(said, c.note) {
				t.Errorf("notes are %q; want %q", said, c.note)
			}
		})
	}
}

// TestLoadHeeds: a load ends before the next tensor once its context has.
func TestLoadHeeds(t *testing.T) {
	b, dir := opentest.CPU(t, 1), t.TempDir()
	w := random(t, b, small("qwen2", true), model.F32, model.Inference)
	if err := Save(b, w, dir, tensor.F32); err != nil {
		t.Fatal(err)
	}
	for n := range len(w.Params) + 1 {
		got, err := LoadContext(countdown.New(t.Context(), n), b, dir, model.F32, model.Training)
		if whole := n == len(w.Params); whole && err != nil ||
			!whole && (got != nil || !errors.Is(err, context.Canceled)) {
			t.Errorf("after %d of %d tensors: %v", n, len(w.Params), err)
		}
		if got != nil {
			got.Free()
		}
	}
}

// TestLoadRefusesFiles breaks the file beneath the tensors.
func TestLoadRefusesFiles(t *testing.T) {
	b := opentest.CPU(t, 1)
	for _, c := range []struct {
		name, want string
		edit       func(raw []byte) []byte
	}{
		{"truncated", "truncated", func(raw []byte) []byte { return raw[:len(raw)-100] }},
		{"header cut", "truncated", func(raw []byte) []byte { return raw[:100] }},
		{"empty", "it is empty", func([]byte) []byte { return nil }},
		{"header length beyond the file", "truncated", func(raw []byte) []byte {
			binary.LittleEndian.PutUint64(raw, uint64(len(raw)))
			return raw
		}},
		{"another dtype", `tensor "lm_head.weight" is I32`, func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"F32"`), []byte(`"I32"`), 1)
		}},
		{"unknown dtype", `tensor "lm_head.weight": dtype "F33"`, func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"F32"`), []byte(`"F33"`), 1)
		}},
		{"absurd shape", `tensor "lm_head.weight": F32[99 24] takes 9504 bytes`, func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`[40,24]`), []byte(`[99,24]`), 1)
		}},
		{"overlapping offsets", "overlaps", func(raw []byte) []byte {
			n := 8 + binary.LittleEndian.Uint64(raw)
			head := string(raw[8:n])
			a, z := "lm_head.weight", "model.embed_tokens.weight" // of one shape, one after the other
			second := fmt.Sprintf(`"data_offsets":[%d,%d]`, 40*24*4, 2*40*24*4)
			first := fmt.Sprintf(`"data_offsets":[%d,%d]`, 0, 40*24*4)
			if !strings.Contains(head, a) || !strings.Contains(head, z) || !strings.Contains(head, second) {
				panic(head)
			}
			head = strings.Replace(head, second, first, 1)
			out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
			return append(append(out, head...), raw[n:]...)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := saved(t, b, "llama", false)
			path := filepath.Join(dir, "model.safetensors")
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.edit(raw), 0o666); err != nil {
				t.Fatal(err)
			}
			refused(t, b, dir, path, c.want)
		})
	}
	t.Run("no weights", func(t *testing.T) {
		dir, _ := saved(t, b, "llama", false)
		if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
			t.Fatal(err)
		}
		refused(t, b, dir, "neither model.safetensors nor")
	})
}

// TestShards loads a model whose tensors lie in two files.
func TestShards(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir, parts := saved(t, b, "qwen3", false)
	whole, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Free()
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	shards := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
	lists := make([][]safetensors.Tensor, 2)
	var index []string
	for i, name := range slices.Sorted(maps.Keys(parts)) {
		lists[i%2] = append(lists[i%2], safetensors.FromSlice(name, tensor.F32, parts[name].shape, parts[name].v))
		index = append(index, fmt.Sprintf("%q: %q", name, shards[i%2]))
	}
	for i, list := range lists {
		if err := safetensors.Write(filepath.Join(dir, shards[i]), nil, list); err != nil {
			t.Fatal(err)
		}
	}
	text := `{"metadata": {"total_size": 1}, "weight_map": {` + strings.Join(index, ",") + `}}`
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Free()
	for i, p := range whole.Params {
		if !slices.Equal(values(b, got.Params[i].W), values(b, p.W)) {
			t.Errorf("%s differs", p.Name)
		}
	}
	if err := os.Remove(filepath.Join(dir, shards[1])); err != nil {
		t.Fatal(err)
	}
	refused(t, b, dir, shards[1], "missing")
}

// TestSaveShards saves a model in files of a few kilobytes, over one of a single file, and loads it.
func TestSaveShards(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir, parts := saved(t, b, "qwen3", false)
	w, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	const most = 10 << 10
	if err := write(dir, &w.Config, w.Carried, Tensors(b, w, tensor.F32), tensor.F32, most); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(files) < 3 {
		t.Fatalf("the model lies in %q (%v)", files, err)
	}
	for i, path := range files {
		if want := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(files)); filepath.Base(path) != want {
			t.Errorf("%s should be %s", path, want)
		}
		if info, err := os.Stat(path); err != nil || info.Size() > most+4096 {
			t.Errorf("%s has %d bytes (%v)", path, info.Size(), err)
		}
	}
	again, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Free()
	if len(again.Notes) > 0 {
		t.Errorf("notes are %q", again.Notes)
	}
	for _, p := range again.Params {
		if !slices.Equal(values(b, p.W), parts[p.Name].v) {
			t.Errorf("%s differs", p.Name)
		}
	}
}

// TestSaveKeepsOldFile fails in the middle of a tensor and wants the old model untouched.
func TestSaveKeepsOldFile(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir, _ := saved(t, b, "llama", true)
	path := filepath.Join(dir, "model.safetensors")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list := Tensors(b, random(t, b, small("llama", true), model.F32, model.Inference), tensor.F32)
	list[3].Write = func(w io.Writer) error {
		w.Write(make([]byte, 8))
		return io.ErrShortWrite
	}
	if err := safetensors.Write(path, nil, list); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the old file changed (%v)", err)
	}
}
