package peft

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/model"
	"spell/model/forest"
	"spell/tensor"
	"spell/tensor/rng"
	"spell/tensor/safetensors"
)

var shape = model.Config{Family: "qwen2", Vocab: 19, Hidden: 12, FF: 20, Layers: 3, Heads: 2, KVHeads: 1, HeadDim: 8,
	QKVBias: true, Tied: true, NormEps: 1e-5, Context: 64, Rope: model.Rope{Theta: 1e4}, BOS: -1}

// base returns a random frozen model.
func base(t testing.TB, b kernels.Backend) *model.Weights {
	t.Helper()
	w, err := model.NewWeights(b, shape, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	w.Initialize(b, 1, model.Init{Embedding: 1, Matrix: 1, Residual: 1})
	return w
}

// adapted returns a random frozen model with random adapters.
func adapted(t testing.TB, b kernels.Backend, l model.LoRA) *model.Weights {
	t.Helper()
	w := base(t, b)
	if err := w.Adapt(b, l, model.Inference); err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Adapters() {
		r := rng.At(4, rng.Init, uint64(i), 0, 0)
		v := make([]float32, p.Rows*p.Cols)
		for j := range v {
			v[j] = float32(r.Normal())
		}
		model.Set(b, p, v)
	}
	return w
}

func score(t *testing.T, b kernels.Backend, w *model.Weights) []model.Stat {
	t.Helper()
	d, err := model.NewScorer(b, w, forest.Limits{Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	s, err := d.Score(context.Background(), forest.Forest{{Parent: -1, Tokens: []int32{1, 5, 7, 2, 9}, Scored: true}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// saved returns the folder of random adapters that were saved.
func saved(t testing.TB, b kernels.Backend, l model.LoRA) string {
	t.Helper()
	dir := t.TempDir()
	if err := Save(b, adapted(t, b, l), dir, "org/model"); err != nil {
		t.Fatal(err)
	}
	return dir
}

var plain = model.LoRA{Rank: 3, Alpha: 6, Targets: []string{"q_proj", "v_proj", "down_proj"}}

// TestRoundTrip: adapters that were saved are loaded as they were, and go on to be trained with the same
// settings.
func TestRoundTrip(t *testing.T) {
	b := ref.New[float32]()
	rs := plain
	rs.RSLoRA, rs.Targets = true, model.AdapterTargets
	for _, l := range []model.LoRA{plain, rs} {
		dir := saved(t, b, l)
		if !Is(dir) || Is(t.TempDir()) {
			t.Error("a folder of adapters is not told from another")
		}
		w := base(t, b)
		c, err := Load(b, w, dir, model.Training)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*w.LoRA, l) || c.Base != "org/model" || len(c.Notes) > 0 {
			t.Errorf("saved %+v, loaded %+v of %s, %v", l, *w.LoRA, c.Base, c.Notes)
		}
		if was, is := score(t, b, adapted(t, b, l)), score(t, b, w); !slices.Equal(was, is) {
			t.Errorf("saved adapters score %v, loaded %v", was, is)
		}
		shapes, err := Verify(dir)
		sort := func(a, b model.Shape) int { return strings.Compare(a.Name, b.Name) }
		want := model.AdapterShapes(&shape, &l)
		slices.SortFunc(shapes, sort)
		slices.SortFunc(want, sort)
		if err != nil || !slices.Equal(shapes, want) {
			t.Errorf("verified as %v, %v; want %v", shapes, err, want)
		}
	}
}

// TestFile: the folder has what PEFT looks for, under the names that it gives.
func TestFile(t *testing.T) {
	dir := saved(t, ref.New[float32](), plain)
	var got map[string]any
	raw, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err == nil {
		err = json.Unmarshal(raw, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 3.0, "lora_alpha": 6.0,
		"base_model_name_or_path": "org/model", "use_rslora": false, "bias": "none",
		"target_modules": []any{"q_proj", "v_proj", "down_proj"}} {
		if !reflect.DeepEqual(got[k], want) {
			t.Errorf("%s is %v, want %v", k, got[k], want)
		}
	}
	f, err := safetensors.Open(filepath.Join(dir, "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string][]int{
		"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": {3, 12},
		"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": {16, 3},
		"base_model.model.model.layers.2.mlp.down_proj.lora_A.weight":    {3, 20},
		"base_model.model.model.layers.2.mlp.down_proj.lora_B.weight":    {12, 3},
	} {
		if info, ok := f.Info(name); !ok || !slices.Equal(info.Shape, want) {
			t.Errorf("%s has shape %v", name, info.Shape)
		}
	}
	if n := len(f.Names()); n != 2*3*3 {
		t.Errorf("%d tensors are saved, want 18", n)
	}
}

// configured writes adapter_config.json of a folder anew with other values; a nil one removes the key.
func configured(t *testing.T, dir string, change map[string]any) {
	t.Helper()
	path := filepath.Join(dir, "adapter_config.json")
	raw, err := os.ReadFile(path)
	var c map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(c, change)
	for k, v := range change {
		if v == nil {
			delete(c, k)
		}
	}
	if raw, err = json.Marshal(c); err == nil {
		err = os.WriteFile(path, raw, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestHonoured: each key that changes the result changes it as in PEFT.
func TestHonoured(t *testing.T) {
	b := ref.New[float32]()
	for name, c := range map[string]struct {
		change map[string]any
		want   map[string]float64 // scales by the end of a module's name, those of plain but for these
	}{
		"as it was":     {},
		"no change":     {map[string]any{"lora_dropout": 0, "some_new_key": false, "megatron_config": []int{}}, nil},
		"alpha":         {map[string]any{"lora_alpha": 12}, map[string]float64{"": 4}},
		"default alpha": {map[string]any{"lora_alpha": nil}, map[string]float64{"": 8. / 3}},
		"rsLoRA":        {map[string]any{"use_rslora": true}, map[string]float64{"": 6 / math.Sqrt(3)}},
		"alphas": {map[string]any{"alpha_pattern": map[string]any{"down_proj": 3}},
			map[string]float64{"down_proj": 1}},
		"alphas of a path": {map[string]any{"alpha_pattern": map[string]any{`layers.1.*q_proj`: 3}},
			map[string]float64{"layers.1.self_attn.q_proj": 1}},
		"an expression": {map[string]any{"target_modules": `.*\.(q_proj|v_proj|down_proj)`}, nil},
		"longer names": {map[string]any{"target_modules": []string{"attn.q_proj", "self_attn.v_proj", "v_proj",
			"mlp.down_proj", "self_attn.q_proj"}}, nil},
		"less excluded": {map[string]any{"target_modules": "all-linear",
			"exclude_modules": []string{"k_proj", "o_proj", "gate_proj", "up_proj"}}, nil},
		"all layers": {map[string]any{"layers_to_transform": []int{0, 1, 2}, "layers_pattern": "layers"}, nil},
		"gaussian":   {map[string]any{"init_lora_weights": "gaussian"}, nil},
	} {
		dir := saved(t, b, plain)
		configured(t, dir, c.change)
		w := base(t, b)
		if _, err := Load(b, w, dir, model.Inference); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, p := range w.Params {
			if p.Adapter == nil {
				continue
			}
			want := 2.0
			for end, scale := range c.want {
				if strings.HasSuffix(p.Module(), end) {
					want = scale
				}
			}
			if got := p.Adapter.Scale(); got != want {
				t.Errorf("%s: the scale of %s is %v, want %v", name, p.Name, got, want)
			}
		}
	}
}

// TestPatterns: adapters of several ranks, and of some layers, are used and not trained.
func TestPatterns(t *testing.T) {
	b := ref.New[float32]()
	dir := t.TempDir()
	w := base(t, b)
	of := func(module string) (model.LoRA, bool) {
		l := model.LoRA{Rank: 2, Alpha: 4}
		if strings.HasSuffix(module, "o_proj") {
			l.Rank = 5
		}
		return l, strings.Contains(module, "layers.1.") && strings.Contains(module, "self_attn")
	}
	if err := w.AdaptEach(b, of, model.Inference); err != nil {
		t.Fatal(err)
	}
	w.InitializeAdapters(b, 3)
	w.LoRA = &model.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}}
	if err := Save(b, w, dir, ""); err != nil {
		t.Fatal(err)
	}
	configured(t, dir, map[string]any{"layers_to_transform": 1, "rank_pattern": map[string]int{"o_proj": 5}})
	got := base(t, b)
	if _, err := Load(b, got, dir, model.Inference); err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Adapters() {
		q := got.Adapters()[i]
		v, u := make([]float32, p.Rows*p.Cols), make([]float32, q.Rows*q.Cols)
		kernels.Download(b, v, p.W)
		kernels.Download(b, u, q.W)
		if p.Shape != q.Shape || !slices.Equal(u, v) {
			t.Errorf("%v was saved, %v loaded", p.Shape, q.Shape)
		}
	}
	if got.LoRA != nil {
		t.Errorf("adapters of several ranks are taken for %+v", *got.LoRA)
	}
	_, err := Load(b, base(t, b), dir, model.Training)
	if err == nil || !strings.Contains(err.Error(), "can be used and not trained further") {
		t.Errorf("trained: %v", err)
	}
}

// TestRefused: each key that is not done here is refused by its name, and so is what it cannot be.
func TestRefused(t *testing.T) {
	b := ref.New[float32]()
	for name, values := range map[string][]any{
		"bias": {"all", "lora_only"}, "modules_to_save": {[]string{"lm_head"}}, "fan_in_fan_out": {true},
		"use_dora": {true}, "lora_bias": {true}, "layer_replication": {[][]int{{0, 2}}},
		"layers_pattern": {"blocks"}, "init_lora_weights": {"pissa", "pissa_niter_4", "olora", "corda", "loftq", "of_tomorrow"},
		"trainable_token_indices": {[]int{1}}, "target_parameters": {[]string{"w"}}, "peft_type": {"IA3", nil},
		"task_type": {"SEQ_CLS"}, "use_of_tomorrow": {true, 3, "x", map[string]int{"a": 1}},
		"r": {0, -1, 1.5, "3", 1 << 20, []int{3}}, "lora_alpha": {0, -2, "x"},
		"use_rslora": {"yes"}, "target_modules": {nil, 7, "(", []int{1}, []string{"lm_head"}, []string{"none"}},
		"rank_pattern":  {map[string]any{"q_proj": 0}, map[string]any{"q_proj": 2.5}, []int{3}, map[string]any{"(": 3}},
		"alpha_pattern": {map[string]any{"q_proj": -1}}, "layers_to_transform": {"x", []string{"a"}},
		"lora_dropout": {"x"},
	} {
		for _, v := range values {
			dir := saved(t, b, plain)
			configured(t, dir, map[string]any{name: v})
			_, err := Load(b, base(t, b), dir, model.Inference)
			if err == nil || !strings.Contains(err.Error(), dir) ||
				!strings.Contains(err.Error(), name) && name != "r" {
				t.Errorf("%s %v: %v", name, v, err)
			}
		}
	}
}

// TestDropoutIsSaid: what only matters in training is a note.
func TestDropoutIsSaid(t *testing.T) {
	b := ref.New[float32]()
	dir := saved(t, b, plain)
	configured(t, dir, map[string]any{"lora_dropout": 0.05})
	c, err := Load(b, base(t, b), dir, model.Inference)
	if err != nil || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "lora_dropout") {
		t.Errorf("%v, notes %v", err, c)
	}
}

// TestDamaged: what is missing, of another shape or too much is named with its file.
func TestDamaged(t *testing.T) {
	b := ref.New[float32]()
	list := func(change func(name string, shape []int) []int, more ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			var all []safetensors.Tensor
			add := func(name string, shape []int) {
				if shape = change(name, shape); shape != nil {
					n := 1
					for _, d := range shape {
						n *= d
					}
					all = append(all, safetensors.FromSlice(name, tensor.F32, shape, make([]float32, n)))
				}
			}
			for _, s := range model.AdapterShapes(&shape, &plain) {
				add(prefix+s.Name, []int{s.Rows, s.Cols})
			}
			for _, name := range more {
				add(name, []int{3, 3})
			}
			if err := safetensors.Write(filepath.Join(dir, weightsName), nil, all); err != nil {
				t.Fatal(err)
			}
		}
	}
	same := func(_ string, shape []int) []int { return shape }
	edited := func(edit func(raw []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, weightsName)
			raw, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, edit(raw), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	const first = prefix + "model.layers.0.self_attn.q_proj.lora_A.weight"
	const one = prefix + "model.layers.1.mlp.down_proj.lora_B.weight"
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"no adapter_config.json": func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, configName)) },
		weightsName:              func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, weightsName)) },
		"adapter_model.bin": func(_ *testing.T, dir string) {
			os.Rename(filepath.Join(dir, weightsName), filepath.Join(dir, "adapter_model.bin"))
		},
		"reading ": func(_ *testing.T, dir string) { os.Truncate(filepath.Join(dir, weightsName), 2000) },
		"it is not a JSON object": func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, configName), []byte(`[{"r": 3}]`), 0o666)
		},
		"no tensor " + one: list(func(name string, shape []int) []int {
			if name == one {
				return nil
			}
			return shape
		}),
		"tensor " + one + " has shape [12 2]": list(func(name string, shape []int) []int {
			if name == one {
				return []int{12, 2}
			}
			return shape
		}),
		`tensor "` + prefix + `model.layers.0.mlp.down_proj.lora_A.weight" is I32`: edited(func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"F32"`), []byte(`"I32"`), 1)
		}),
		`tensor "` + first + `" holds NaN at [0 0]`: edited(func(raw []byte) []byte {
			for i := 8 + int(binary.LittleEndian.Uint64(raw)); i < len(raw); i++ {
				raw[i] = 0xff
			}
			return raw
		}),
		`has the key "` + first + `" twice`: edited(func(raw []byte) []byte {
			return bytes.Replace(raw, []byte("q_proj.lora_B"), []byte("q_proj.lora_A"), 1)
		}),
		"tensor base_model.model.lm_head.lora_A.weight is of an adapter of the embedding or the head": list(same,
			prefix+"lm_head.lora_A.weight"),
		"tensor other has no place": list(same, "other"),
		"tensor " + prefix + "model.layers.3.mlp.down_proj.lora_A.weight has no place": list(same,
			prefix+"model.layers.3.mlp.down_proj.lora_A.weight"),
	} {
		dir := saved(t, b, plain)
		spoil(t, dir)
		_, err := Load(b, base(t, b), dir, model.Inference)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), dir) ||
			!strings.Contains(err.Error(), "; ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
