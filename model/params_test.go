package model

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"spell/kernels/ref"
)

// TestParams: of every kind of configuration, each parameter is in the field that its name says,
// each field that the configuration has is filled by one parameter, and the others are nil.
func TestParams(t *testing.T) {
	fields := map[string]string{
		"input_layernorm.weight": "AttnNorm", "post_attention_layernorm.weight": "MLPNorm",
		"self_attn.q_proj.weight": "Q", "self_attn.k_proj.weight": "K", "self_attn.v_proj.weight": "V", "self_attn.o_proj.weight": "O",
		"self_attn.q_proj.bias": "QBias", "self_attn.k_proj.bias": "KBias", "self_attn.v_proj.bias": "VBias",
		"self_attn.o_proj.bias": "OBias", "mlp.gate_proj.bias": "GateBias", "mlp.up_proj.bias": "UpBias", "mlp.down_proj.bias": "DownBias",
		"self_attn.q_norm.weight": "QNorm", "self_attn.k_norm.weight": "KNorm",
		"mlp.gate_proj.weight": "Gate", "mlp.up_proj.weight": "Up", "mlp.down_proj.weight": "Down",
		"mlp.gate.weight": "Router", "mlp.experts.gate_proj.weight": "ExpertGate",
		"mlp.experts.up_proj.weight": "ExpertUp", "mlp.experts.down_proj.weight": "ExpertDown",
	}
	for name, c := range families() {
		for _, tied := range []bool{true, false} {
			c.Tied = tied
			t.Run(fmt.Sprintf("%s/tied=%v", name, tied), func(t *testing.T) {
				w, err := NewWeights(ref.New[float64](), c, F64, Inference)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Free()
				placed := map[*Param]bool{w.Embed: true, w.Norm: true, w.Head: true}
				if w.Embed.Name != "model.embed_tokens.weight" || w.Norm.Name != "model.norm.weight" ||
					(w.Head == w.Embed) != tied {
					t.Errorf("embedding %s, norm %s, head %s", w.Embed.Name, w.Norm.Name, w.Head.Name)
				}
				for l := range w.Blocks {
					block := reflect.ValueOf(w.Blocks[l])
					for suffix, field := range fields {
						p := block.FieldByName(field).Interface().(*Param)
						expert := strings.Contains(suffix, "experts") || suffix == "mlp.gate.weight"
						missing := strings.HasSuffix(suffix, "_norm.weight") && !c.QKNorm ||
							strings.HasPrefix(suffix, "mlp.") && expert != c.MoELayer(l)
						if strings.HasSuffix(suffix, ".bias") {
							switch {
							case strings.HasPrefix(suffix, "mlp."):
								missing = !c.MLPBias || c.MoELayer(l)
							case suffix == "self_attn.o_proj.bias":
								missing = !c.OBias
							default:
								missing = !c.QKVBias
							}
						}
						if p == nil || missing {
							if p != nil || !missing {
								t.Errorf("layer %d: %s is %v, missing: %v", l, field, p, missing)
							}
							continue
						}
						if want := fmt.Sprintf("model.layers.%d.%s", l, suffix); p.Name != want || placed[p] {
							t.Errorf("layer %d: %s holds %s, want %s", l, field, p.Name, want)
						}
						placed[p] = true
					}
					if block.NumField() != len(fields) {
						t.Errorf("a block has %d fields, and the test knows %d", block.NumField(), len(fields))
					}
				}
				if len(placed) != len(w.Params) {
					t.Errorf("%d of %d parameters are in fields", len(placed), len(w.Params))
				}
			})
		}
	}
}

// TestFamilyNamed: a family sets all that it fixes, whatever was set before.
func TestFamilyNamed(t *testing.T) {
	for name, want := range map[string]Config{
		"llama": {Family: "llama"}, "mistral": {Family: "mistral"}, "qwen2": {Family: "qwen2", QKVBias: true},
		"qwen3": {Family: "qwen3", QKNorm: true}, "qwen3_moe": {Family: "qwen3_moe", QKNorm: true},
	} {
		f, err := FamilyNamed(name)
		got := Config{Family: "other", QKVBias: true, QKNorm: true, OBias: true, MLPBias: true}
		f.Apply(&got)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if _, err := FamilyNamed("gpt2"); err == nil ||
		err.Error() != `model_type "gpt2" is not supported; llama, mistral, qwen2, qwen3 and qwen3_moe are` {
		t.Errorf("gpt2: %v", err)
	}
}

// TestTensors: every row of every parameter is in one tensor of a file, and no two have one name.
func TestTensors(t *testing.T) {
	for name, c := range families() {
		names, experts := map[string]bool{}, 0
		for _, s := range Shapes(&c) {
			row := 0
			for _, part := range s.Tensors() {
				if part.Row != row || part.Rows < 1 || names[part.Name] {
					t.Errorf("%s: %s has rows [%d, +%d) of %s, after row %d", name, part.Name, part.Row, part.Rows,
						s.Name, row)
				}
				row += part.Rows
				names[part.Name] = true
			}
			if row != s.Rows {
				t.Errorf("%s: %d of %d rows of %s are in a tensor", name, row, s.Rows, s.Name)
			}
			experts += s.Experts
		}
		mixtures := 0
		for l := range c.Layers {
			if c.MoELayer(l) {
				mixtures++
				for e := range c.Experts {
					if want := fmt.Sprintf("model.layers.%d.mlp.experts.%d.down_proj.weight", l, e); !names[want] {
						t.Errorf("%s: there is no tensor %s", name, want)
					}
				}
			}
		}
		if experts != 3*mixtures*c.Experts {
			t.Errorf("%s: %d matrices of experts in %d mixtures", name, experts, mixtures)
		}
	}
}
