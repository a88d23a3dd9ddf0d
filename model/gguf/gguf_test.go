package gguf

import (
	"context"
	"io"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
	"spell/model/hf"
	"spell/tensor"
	"spell/tensor/fixture"
	"spell/tensor/gguf"
)

// models are the checkpoints that are written to GGUF files and read back.
var models = []string{"stories260K", "tiny/llama31", "tiny/qwen2", "tiny/qwen3", "tiny/qwen2-yarn",
	"tiny/llama-linear", "tiny/llama2", "tiny/llama-head100", "tiny/qwen3-moe"}

// values32 returns a parameter as numbers.
func values32(b kernels.Backend, p *model.Param) []float32 {
	v := make([]float32, p.Rows*p.Cols)
	kernels.Download(b, v, p.W)
	return v
}

// written loads a checkpoint and writes it in type t.
func written(t *testing.T, b kernels.Backend, name string, typ gguf.Type) (*model.Weights, string) {
	t.Helper()
	w, err := hf.Load(b, fixture.Path(t, name), model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	path := filepath.Join(t.TempDir(), "model.gguf")
	end := []gguf.Pair{{Name: "tokenizer.ggml.eos_token_id", Value: 2}}
	if err := Write(path, &w.Config, w.Rows(b), typ, end); err != nil {
		t.Fatal(err)
	}
	return w, path
}

// TestRoundTrip writes checkpoints and reads the same configuration and numbers back.
func TestRoundTrip(t *testing.T) {
	b := opentest.CPU(t, 1)
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			w, path := written(t, b, name, gguf.F32)
			m, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			got, want := m.Config, w.Config
			if len(m.Notes) > 0 || !slices.Equal(got.EOS, []int32{2}) {
				t.Errorf("notes %q, ends %v", m.Notes, got.EOS)
			}
			near, err := got.Rope.Rotary(got.HeadDim)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range w.Rotary.InvFreq {
				if d := near.InvFreq[i] - f; math.Abs(d) > 1e-6*f || near.Scale != w.Rotary.Scale {
					t.Errorf("frequency %d is %g times %g, not %g times %g", i, near.InvFreq[i], near.Scale, f,
						w.Rotary.Scale)
				}
			}
			got.AuxLoss, got.RouterLogits = want.AuxLoss, want.RouterLogits
			got.EOS, got.BOS, got.InitRange, got.Rope = want.EOS, want.BOS, want.InitRange, want.Rope
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the configuration is\n%+v, not\n%+v", got, want)
			}
			again, err := m.Load(t.Context(), b, model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Free()
			for i, p := range w.Params {
				if !slices.Equal(values32(b, again.Params[i]), values32(b, p)) {
					t.Errorf("%s differs", p.Name)
				}
			}
		})
	}
}

// TestTypes scores a real model from files of every type that is written.
func TestTypes(t *testing.T) {
	b := opentest.CPU(t, 1)
	ids := []int32{1, 403, 407, 261, 378, 314, 286, 261, 294, 367}
	score := func(w *model.Weights) []model.Stat {
		d, err := model.NewScorer(b, w, forest.Limits{Batch: len(ids)})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Free()
		stats, err := d.Score(context.Background(), forest.Forest{{Parent: -1, Tokens: ids, Scored: true}})
		if err != nil {
			t.Fatal(err)
		}
		return stats
	}
	for typ, within := range map[gguf.Type]float64{gguf.F32: 0, gguf.F16: 0.01, gguf.BF16: 0.1, gguf.Q8_0: 0.15} {
		w, path := written(t, b, "stories260K", typ)
		m, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if stored := m.Stored().Weight; stored != tensor.F32 {
			t.Errorf("%v: stored in %v", typ, stored) // norms are F32
		}
		again, err := m.Load(t.Context(), b, model.F32, model.Inference)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Free()
		want := score(w)
		for i, s := range score(again) {
			if d := math.Abs(float64(s.LogProb - want[i].LogProb)); d > within {
				t.Errorf("%v: token %d has log-probability %v, not %v", typ, i, s.LogProb, want[i].LogProb)
			}
		}
	}
}

// TestRefused wants a sentence that names file and value or tensor for what is not computed.
func TestRefused(t *testing.T) {
	ones := func(name string, shape ...int) gguf.Output {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return gguf.Output{Name: name, Type: gguf.F32, Shape: shape, Write: func(w io.Writer) error {
			_, err := w.Write(gguf.F32.Encode(nil, slices.Repeat([]float32{1}, n)))
			return err
		}}
	}
	c := model.Config{Family: "llama", Vocab: 8, Hidden: 16, FF: 8, Layers: 1, Heads: 2, KVHeads: 2, HeadDim: 8,
		NormEps: 1e-5, Context: 64, Rope: model.Rope{Theta: 10000}, BOS: -1, Tied: true}
	for _, e := range []struct {
		name, want string
		edit       func(values map[string]any, tensors map[string]gguf.Output)
	}{
		{"", "", func(map[string]any, map[string]gguf.Output) {}},
		{"no architecture", "general.architecture", func(v map[string]any, _ map[string]gguf.Output) {
			delete(v, "general.architecture")
		}},
		{"another", `"bert" is not supported`, func(v map[string]any, _ map[string]gguf.Output) {
			v["general.architecture"] = "bert"
		}},
		{"no heads", "llama.attention.head_count", func(v map[string]any, _ map[string]gguf.Output) {
			delete(v, "llama.attention.head_count")
		}},
		{"heads per layer, equal", "", func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.attention.head_count_kv"] = []int{2, 2}
		}},
		{"heads per layer", "llama.attention.head_count_kv differs between blocks", func(v map[string]any,
			_ map[string]gguf.Output) {
			v["llama.attention.head_count_kv"] = []int{2, 1}
		}},
		{"adapters", "it holds adapters of a model", func(v map[string]any, _ map[string]gguf.Output) {
			v["general.type"] = "adapter"
		}},
		{"eyes", `it holds no model but one's "mmproj"`, func(v map[string]any, _ map[string]gguf.Output) {
			v["general.type"] = "mmproj"
		}},
		{"sees what follows", "llama.attention.causal is false", func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.attention.causal"] = false
		}},
		{"soft caps", "llama.attn_logit_softcapping is 50", func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.attn_logit_softcapping"] = 50.
		}},
		{"constants of YaRN", "llama.rope.scaling.yarn_attn_factor is 1.5", func(v map[string]any,
			_ map[string]gguf.Output) {
			v["llama.rope.scaling.type"], v["llama.rope.scaling.factor"] = "yarn", 4.
			v["llama.rope.scaling.yarn_attn_factor"] = 1.5
		}},
		{"neutral constants", "", func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.rope.scaling.yarn_ext_factor"], v["llama.attention.causal"] = 1., true
		}},
		{"end beyond the vocabulary", "", func(v map[string]any, _ map[string]gguf.Output) {
			v["tokenizer.ggml.eos_token_id"] = 8
		}},
		{"no eps", "rms_norm_eps", func(v map[string]any, _ map[string]gguf.Output) {
			delete(v, "llama.attention.layer_norm_rms_epsilon")
		}},
		{"experts", "llama.expert_count is 8", func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.expert_count"] = 8
		}},
		{"some dimensions rotate", "llama.rope.dimension_count is 4", func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.rope.dimension_count"] = 4
		}},
		{"a part", "--merge, with the first of them", func(v map[string]any, _ map[string]gguf.Output) {
			v["split.count"], v["split.no"] = 3, 0
		}},
		{"the only part", "", func(v map[string]any, _ map[string]gguf.Output) { v["split.count"] = 1 }},
		{"m-00001-of-00001", "", func(map[string]any, map[string]gguf.Output) {}},
		{"m-00002-of-00003", "m-00001-of-00003.gguf and the file", func(v map[string]any, _ map[string]gguf.Output) {
			delete(v, "general.architecture") // which the first has
		}},
		{"scaling", `"longrope", which is not supported`, func(v map[string]any, _ map[string]gguf.Output) {
			v["llama.rope.scaling.type"], v["llama.rope.scaling.factor"] = "longrope", 4.0
		}},
		{"absent", `no tensor "blk.0.ffn_up.weight"`, func(_ map[string]any, l map[string]gguf.Output) {
			delete(l, "blk.0.ffn_up.weight")
		}},
		{"shape", `"blk.0.ffn_up.weight" has shape [16 8]`, func(_ map[string]any, l map[string]gguf.Output) {
			l["blk.0.ffn_up.weight"] = ones("blk.0.ffn_up.weight", 16, 8)
		}},
		{"more", `"blk.0.attn_q.bias" has no place`, func(_ map[string]any, l map[string]gguf.Output) {
			l["blk.0.attn_q.bias"] = ones("blk.0.attn_q.bias", 16)
		}},
		{"divisors", "not those of Llama 3.1", func(_ map[string]any, l map[string]gguf.Output) {
			write := func(w io.Writer) error {
				_, err := w.Write(gguf.F32.Encode(nil, []float32{1, 3, 2, 8}))
				return err
			}
			l[ropeFactors] = gguf.Output{Name: ropeFactors, Type: gguf.F32, Shape: []int{4}, Write: write}
		}},
		{"outside", "", func(_ map[string]any, l map[string]gguf.Output) { l["cls.weight"] = ones("cls.weight", 4) }},
	} {
		pairs, err := values(&c)
		if err != nil {
			t.Fatal(err)
		}
		v, tensors := map[string]any{}, map[string]gguf.Output{}
		for _, p := range pairs {
			v[p.Name] = p.Value
		}
		for _, s := range model.Shapes(&c) {
			tensors[Name(s.Name)] = ones(Name(s.Name), shapeInFile(s)...)
		}
		e.edit(v, tensors)
		pairs = nil
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, gguf.Pair{Name: name, Value: v[name]})
		}
		path := filepath.Join(t.TempDir(), "model.gguf")
		if strings.Contains(e.name, "-of-") {
			path = filepath.Join(t.TempDir(), e.name+".gguf")
		}
		if err := gguf.Write(path, pairs, slices.Collect(maps.Values(tensors))); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path)
		if err == nil {
			if m.Close(); e.want != "" {
				t.Errorf("%s: it was opened", e.name)
			}
			if (len(m.Notes) > 0) != (e.name == "outside") {
				t.Errorf("%s: notes are %q", e.name, m.Notes)
			}
			continue
		}
		if e.want == "" || !strings.Contains(err.Error(), e.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want %q", e.name, err, e.want)
		}
		if strings.HasPrefix(e.want, `"blk.`) && !strings.Contains(err.Error(), "; download it again") {
			t.Errorf("%s: %v has no way on", e.name, err)
		}
	}
}

// TestPositions reads the ways in which files have said how positions are stretched.
func TestPositions(t *testing.T) {
	linear := model.Rope{Theta: 1e4, Type: "linear", Factor: 4, Original: 64}
	yarn := model.Rope{Theta: 1e4, Type: "yarn", Factor: 4, Original: 64, BetaFast: 32, BetaSlow: 1}
	own := yarn
	own.Original, own.BetaFast, own.BetaSlow = 16, 16, 2
	plain := model.Rope{Theta: 1e4, Type: "default"}
	for _, c := range []struct {
		said map[string]any
		want model.Rope
	}{
		{map[string]any{}, plain},
		{map[string]any{"scaling.type": "none", "scaling.factor": 4.}, plain},
		{map[string]any{"scaling.type": "linear"}, plain},
		{map[string]any{"scaling.factor": 0.}, plain},
		{map[string]any{"scaling.type": "linear", "scaling.factor": 4.}, linear},
		{map[string]any{"scaling.factor": 4.}, linear},
		{map[string]any{"scale_linear": 4.}, linear},
		{map[string]any{"scaling.type": "yarn", "scaling.factor": 4.}, yarn},
		{map[string]any{"scaling.type": "yarn", "scaling.factor": 4., "scaling.original_context_length": 16,
			"scaling.yarn_beta_fast": 16., "scaling.yarn_beta_slow": 2.}, own},
	} {
		pairs := []gguf.Pair{{Name: "general.architecture", Value: "llama"}}
		for name, v := range c.said {
			pairs = append(pairs, gguf.Pair{Name: "llama.rope." + name, Value: v})
		}
		path := filepath.Join(t.TempDir(), "rope.gguf")
		if err := gguf.Write(path, pairs, nil); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := &reader{File: f, architecture: "llama"}
		if got := r.rope(&model.Config{Context: 64, HeadDim: 8}); got != c.want || r.err != nil {
			t.Errorf("%v: %+v, %v; want %+v", c.said, got, r.err, c.want)
		}
	}
}
