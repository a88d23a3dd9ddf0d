package hf

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"spell/model"
)

// base is a config.json that parses, as fields to change.
func base() map[string]any {
	return map[string]any{
		"model_type": "llama", "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 160,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 300,
		"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
		"bos_token_id": 1, "eos_token_id": 2,
	}
}

// with is base with the fields of a JSON object laid over it; a field that is "absent" is removed.
func with(t testing.TB, over string) []byte {
	t.Helper()
	f := base()
	var o map[string]json.RawMessage // raw, to keep the spelling of numbers
	if err := json.Unmarshal([]byte(over), &o); err != nil {
		t.Fatalf("%s: %v", over, err)
	}
	for k, v := range o {
		if f[k] = v; string(v) == `"absent"` {
			delete(f, k)
		}
	}
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// accepted are overlays of base that parse, with what they change in the configuration of base.
var accepted = []struct {
	name, over string
	edit       func(c *model.Config)
}{
	{"llama", `{}`, func(*model.Config) {}},
	{"qwen2", `{"model_type": "qwen2"}`, func(c *model.Config) { c.Family, c.QKVBias = "qwen2", true }},
	{"qwen2 that spells its bias out", `{"model_type": "qwen2", "attention_bias": true}`, func(c *model.Config) { c.Family, c.QKVBias = "qwen2", true }},
	{"qwen3", `{"model_type": "qwen3", "head_dim": 32}`, func(c *model.Config) { c.Family, c.QKNorm, c.HeadDim = "qwen3", true, 32 }},
	{"qwen3 without head_dim", `{"model_type": "qwen3"}`, func(c *model.Config) { c.Family, c.QKNorm, c.HeadDim = "qwen3", true, 128 }},
	{"qwen3 with head_dim null", `{"model_type": "qwen3", "head_dim": null}`, func(c *model.Config) { c.Family, c.QKNorm = "qwen3", true }},
	{"qwen3 with biases", `{"model_type": "qwen3", "head_dim": 16, "attention_bias": true}`,
		func(c *model.Config) { c.Family, c.QKNorm, c.QKVBias, c.OBias = "qwen3", true, true, true }},
	{"llama with biases", `{"attention_bias": true, "mlp_bias": true}`, func(c *model.Config) { c.QKVBias, c.OBias, c.MLPBias = true, true, true }},
	{"mistral", `{"model_type": "mistral", "sliding_window": null}`, func(c *model.Config) { c.Family = "mistral" }},
	{"mistral without num_key_value_heads", `{"model_type": "mistral", "num_attention_heads": 8, "num_key_value_heads": "absent", "sliding_window": null}`,
		func(c *model.Config) { c.Family, c.Heads, c.KVHeads, c.HeadDim = "mistral", 8, 8, 8 }},
	{"mistral with a window", `{"model_type": "mistral", "sliding_window": 64}`, func(c *model.Config) { c.Family, c.Window = "mistral", 64 }},
	{"mistral without sliding_window", `{"model_type": "mistral"}`, func(c *model.Config) { c.Family, c.Window = "mistral", 4096 }},
	{"llama with a field of mistral", `{"sliding_window": 64}`, func(*model.Config) {}},
	{"qwen2 with a window that is not used", `{"model_type": "qwen2", "sliding_window": 64, "max_window_layers": 1}`,
		func(c *model.Config) { c.Family, c.QKVBias = "qwen2", true }},
	{"qwen2 with a window from max_window_layers on", `{"model_type": "qwen2", "use_sliding_window": true, "sliding_window": 64, "max_window_layers": 1}`,
		func(c *model.Config) {
			c.Family, c.QKVBias, c.Window, c.WindowLayers = "qwen2", true, 64, []bool{false, true}
		}},
	{"qwen2 with a window in no layer", `{"model_type": "qwen2", "use_sliding_window": true, "sliding_window": 64}`,
		func(c *model.Config) { c.Family, c.QKVBias = "qwen2", true }},
	{"qwen2 with a window in every layer", `{"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 0}`,
		func(c *model.Config) { c.Family, c.QKVBias, c.Window = "qwen2", true, 4096 }},
	{"qwen2 with sliding_window null", `{"model_type": "qwen2", "use_sliding_window": true, "sliding_window": null, "max_window_layers": 0}`,
		func(c *model.Config) { c.Family, c.QKVBias = "qwen2", true }},
	{"qwen3 with layer_types", `{"model_type": "qwen3", "head_dim": 16, "use_sliding_window": true, "sliding_window": 8, "max_window_layers": 2, "layer_types": ["sliding_attention", "full_attention"]}`,
		func(c *model.Config) {
			c.Family, c.QKNorm, c.Window, c.WindowLayers = "qwen3", true, 8, []bool{true, false}
		}},
	{"qwen3_moe by its defaults", `{"model_type": "qwen3_moe"}`, func(c *model.Config) {
		c.Family, c.QKNorm = "qwen3_moe", true
		c.Mixture = model.Mixture{Experts: 128, TopK: 8, ExpertFF: 768, SparseStep: 1, AuxLoss: 0.001}
	}},
	{"qwen3_moe, every field", `{"model_type": "qwen3_moe", "num_experts": 9, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
		"norm_topk_prob": true, "decoder_sparse_step": 2, "mlp_only_layers": [1], "router_aux_loss_coef": 0.5,
		"output_router_logits": true, "sliding_window": null, "max_window_layers": 48}`, func(c *model.Config) {
		c.Family, c.QKNorm = "qwen3_moe", true
		c.Mixture = model.Mixture{Experts: 9, TopK: 2, ExpertFF: 24, NormTopK: true, SparseStep: 2,
			DenseLayers: []int{1}, AuxLoss: 0.5, RouterLogits: true}
	}},
	{"qwen3_moe without experts", `{"model_type": "qwen3_moe", "num_experts": 0, "mlp_only_layers": null}`,
		func(c *model.Config) {
			c.Family, c.QKNorm = "qwen3_moe", true
			c.Mixture = model.Mixture{TopK: 8, ExpertFF: 768, SparseStep: 1, AuxLoss: 0.001}
		}},
	{"experts of another family", `{"num_experts": 9}`, func(*model.Config) {}},
	{"head_dim 2", `{"head_dim": 2}`, func(c *model.Config) { c.HeadDim = 2 }},
	{"head_dim 100", `{"head_dim": 100}`, func(c *model.Config) { c.HeadDim = 100 }},
	{"head_dim of its own", `{"head_dim": 128}`, func(c *model.Config) { c.HeadDim = 128 }},
	{"hidden no multiple of heads", `{"hidden_size": 65, "head_dim": 16}`, func(c *model.Config) { c.Hidden = 65 }},
	{"no num_key_value_heads", `{"num_key_value_heads": "absent"}`, func(c *model.Config) { c.KVHeads = 4 }},
	{"num_key_value_heads null", `{"num_key_value_heads": null}`, func(c *model.Config) { c.KVHeads = 4 }},
	{"no hidden_act", `{"hidden_act": "absent"}`, func(*model.Config) {}},
	{"hidden_act by its other name", `{"hidden_act": "swish"}`, func(*model.Config) {}},
	{"no rope_theta", `{"rope_theta": "absent"}`, func(*model.Config) {}},
	{"no rms_norm_eps", `{"rms_norm_eps": "absent"}`, func(c *model.Config) { c.NormEps = 1e-6 }},
	{"untied", `{"tie_word_embeddings": false}`, func(c *model.Config) { c.Tied = false }},
	{"no tie_word_embeddings", `{"tie_word_embeddings": "absent"}`, func(c *model.Config) { c.Tied = false }},
	{"begin token of the class", `{"bos_token_id": "absent"}`, func(c *model.Config) { c.BOS = 1 }},
	{"no begin token", `{"bos_token_id": null}`, func(c *model.Config) { c.BOS = -1 }},
	{"begin token beyond the vocabulary", `{"bos_token_id": 300}`, func(c *model.Config) { c.BOS = -1 }},
	{"begin token -1", `{"bos_token_id": -1}`, func(c *model.Config) { c.BOS = -1 }},
	{"end tokens", `{"eos_token_id": [7, 2, 9]}`, func(c *model.Config) { c.EOS = []int32{7, 2, 9} }},
	{"one end token in a list", `{"eos_token_id": [7]}`, func(c *model.Config) { c.EOS = []int32{7} }},
	{"end token of the class", `{"eos_token_id": "absent"}`, func(c *model.Config) {}},
	{"no end token", `{"eos_token_id": null}`, func(c *model.Config) { c.EOS = nil }},
	{"end tokens that no token can be", `{"eos_token_id": [-1, 300, 7, 7]}`, func(c *model.Config) { c.EOS = []int32{7} }},
	{"empty list of end tokens", `{"eos_token_id": []}`, func(c *model.Config) { c.EOS = nil }},
	{"initializer_range", `{"initializer_range": 0.02}`, func(c *model.Config) { c.InitRange = 0.02 }},
	{"full attention in every layer", `{"use_sliding_window": false, "sliding_window": 4096, "layer_types": ["full_attention", "full_attention"]}`, func(*model.Config) {}},
	{"largest vocabulary", `{"vocab_size": 4194304}`, func(c *model.Config) { c.Vocab = 4194304 }},
	{"llama3", `{"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 512}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e4, Type: "llama3", Factor: 8, Original: 512, LowFreq: 1, HighFreq: 4}
		}},
	{"yarn", `{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e4, Type: "yarn", Factor: 4, Original: 1024, BetaFast: 32, BetaSlow: 1}
		}},
	{"llama3 with the original context beside it", `{"original_max_position_embeddings": 512, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e4, Type: "llama3", Factor: 8, Original: 512, LowFreq: 1, HighFreq: 4}
		}},
	{"an original context of what was not stretched", `{"original_max_position_embeddings": 512}`, func(*model.Config) {}},
	{"linear", `{"rope_scaling": {"type": "linear", "factor": 2.5}}`, func(c *model.Config) { c.Rope.Type, c.Rope.Factor = "linear", 2.5 }},
	{"both spellings", `{"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_theta": 10000, "rope_type": "linear", "factor": 2.0}}`,
		func(c *model.Config) { c.Rope.Type, c.Rope.Factor = "linear", 2 }},
	{"both spellings, the newer with the base alone", `{"rope_theta": "absent", "rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_theta": 500}}`,
		func(c *model.Config) { c.Rope = model.Rope{Theta: 500, Type: "linear", Factor: 2} }},
	{"rope_parameters without a type", `{"rope_parameters": {"rope_theta": 10000, "partial_rotary_factor": 1.0}}`, func(*model.Config) {}},
	{"keys that are null", `{"partial_rotary_factor": null, "rope_scaling": {"type": "linear", "factor": 2, "beta_fast": null, "made_up": null}}`,
		func(c *model.Config) { c.Rope.Type, c.Rope.Factor = "linear", 2 }},
	{"yarn, further keys", `{"rope_scaling": {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 4096, "finetuned": true, "truncate": false, "mscale": 0.707, "mscale_all_dim": 0.5}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e4, Type: "yarn", Factor: 2, Original: 4096, BetaFast: 32, BetaSlow: 1,
				NoTruncate: true, MScale: 0.707, MScaleAllDim: 0.5}
			c.Context = 8192
		}},
	{"yarn in the older spelling, every field", `{"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.25}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e4, Type: "yarn", Factor: 4, Original: 4096, BetaFast: 16, BetaSlow: 2,
				AttentionFactor: 1.25}
			c.Context = 4 * 4096
		}},
	{"end tokens some of which are none", `{"eos_token_id": [2, null]}`, func(*model.Config) {}},
	{"fields of other classes that change nothing", `{"is_causal": true, "use_bidirectional_attention": null,
		"logit_scale": 1, "final_logit_softcapping": 0.0, "quantization": null}`, func(*model.Config) {}},
	{"architectures that are no list", `{"architectures": "LlamaForCausalLM"}`, func(*model.Config) {}},
	{"default scaling", `{"rope_scaling": {"rope_type": "default"}}`, func(*model.Config) {}},
	{"rope_parameters", `{"rope_theta": "absent", "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}}`, func(c *model.Config) { c.Rope.Theta = 1e6 }},
	{"rope_parameters of yarn", `{"rope_theta": "absent", "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "yarn", "factor": 2.0}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e6, Type: "yarn", Factor: 2, Original: 4096, BetaFast: 32, BetaSlow: 1}
			c.Context = 2 * 4096
		}},
}

func TestParseConfig(t *testing.T) {
	for _, c := range accepted {
		want := model.Config{
			Family: "llama", Vocab: 300, Hidden: 64, FF: 160, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, Tied: true,
			NormEps: 1e-5, Context: 4096, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: 1, EOS: []int32{2},
		}
		c.edit(&want)
		got, err := ParseConfig(with(t, c.over))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.name, got, want)
		}
	}
}

// TestDefaults reads the least that a file can say, which leaves all else to the config class.
func TestDefaults(t *testing.T) {
	for name, want := range map[string]model.Config{
		"llama": {Vocab: 32000, Hidden: 4096, FF: 11008, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, NormEps: 1e-6,
			Context: 2048, BOS: 1, EOS: []int32{2}},
		"mistral": {Vocab: 32000, Hidden: 4096, FF: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, NormEps: 1e-6,
			Context: 131072, BOS: 1, EOS: []int32{2}, Window: 4096},
		"qwen2": {Vocab: 151936, Hidden: 4096, FF: 22016, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, NormEps: 1e-6,
			Context: 32768, BOS: -1, QKVBias: true},
		"qwen3": {Vocab: 151936, Hidden: 4096, FF: 22016, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, NormEps: 1e-6,
			Context: 32768, BOS: -1, QKNorm: true},
	} {
		want.Family, want.Rope = name, model.Rope{Theta: 1e4, Type: "default"}
		got, err := ParseConfig([]byte(`{"model_type": "` + name + `"}`))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, %v; want\n%+v", name, got, err, want)
		}
	}
}

// TestPythonsJSON reads what Python and Windows make of a file, and refuses a number that is not
// finite only in a field that counts.
func TestPythonsJSON(t *testing.T) {
	good := string(with(t, `{}`))
	for _, c := range []struct{ name, text, want string }{
		{"byte order mark", "\ufeff" + good, ""},
		{"words in fields that do not count", `{"a": [Infinity, -Infinity], "b": NaN, ` + good[1:], ""},
		{"a base", strings.Replace(good, `"rope_theta":10000`, `"rope_theta":Infinity`, 1), "rope_theta is Infinity"},
		{"an epsilon", strings.Replace(good, `"rms_norm_eps":0.00001`, `"rms_norm_eps":NaN`, 1), "rms_norm_eps is NaN"},
		{"a size", strings.Replace(good, `"vocab_size":300`, `"vocab_size":-Infinity`, 1), "vocab_size is -Infinity"},
		{"a factor", `{"rope_scaling": {"type": "linear", "factor": Infinity}, ` + good[1:], "rope_scaling.factor is Infinity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseConfig([]byte(c.text))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: error %v, want %q", c.text, err, c.want)
			}
		})
	}
}

// TestDuplicateKeys takes the last of two fields of one name, as Hugging Face does.
func TestDuplicateKeys(t *testing.T) {
	raw := strings.Replace(string(with(t, `{}`)), `{`, `{"vocab_size": 7, `, 1)
	if c, err := ParseConfig([]byte(raw)); err != nil || c.Vocab != 300 {
		t.Errorf("vocabulary %d, error %v", c.Vocab, err)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	yarn := func(field string) string {
		return `{"rope_scaling": {"rope_type": "yarn", "factor": 4, ` + field + `}}`
	}
	for _, c := range []struct{ over, want string }{
		{`{"model_type": "gemma3_text"}`, `model_type "gemma3_text" is not supported; llama, mistral, qwen2, qwen3 and qwen3_moe are`},
		{`{"model_type": "absent"}`, `model_type "" is not supported`},
		{`{"model_type": "qwen3_moe", "num_experts": 4}`, `num_experts_per_tok is 8; it must lie between 1 and 4`},
		{`{"model_type": "qwen3_moe", "num_experts": -1}`, `num_experts is -1`},
		{`{"model_type": "qwen3_moe", "moe_intermediate_size": 1000000}`, `moe_intermediate_size is 1000000`},
		{`{"model_type": "qwen3_moe", "decoder_sparse_step": 0}`, `decoder_sparse_step is 0`},
		{`{"model_type": "qwen3_moe", "mlp_only_layers": [-1]}`, `mlp_only_layers holds -1`},
		{`{"model_type": "qwen3_moe", "use_sliding_window": true}`, `model_type qwen3_moe has no sliding window`},
		{`{"hidden_act": "gelu"}`, `hidden_act "gelu"`},
		{`{"model_type": "qwen2", "mlp_bias": true}`, `mlp_bias with model_type qwen2`},
		{`{"model_type": "mistral", "attention_bias": true}`, `attention_bias with model_type mistral`},
		{`{"use_sliding_window": true}`, `model_type llama has no sliding window, but use_sliding_window`},
		{`{"layer_types": ["full_attention", "sliding_attention"]}`, `layer_types asks for one`},
		{`{"layer_types": ["full_attention", "chunked_attention"]}`, `layer_types has "chunked_attention"`},
		{`{"layer_types": ["full_attention"]}`, `layer_types has 1 entries for num_hidden_layers 2`},
		{`{"model_type": "qwen2", "layer_types": ["full_attention", "sliding_attention"]}`, `use_sliding_window is false`},
		{`{"model_type": "qwen2", "use_sliding_window": true, "sliding_window": 0}`, `sliding_window is 0`},
		{`{"model_type": "mistral", "sliding_window": -1}`, `sliding_window is -1`},
		{`{"model_type": "mistral", "sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"]}`, `disagree`},
		{`{"partial_rotary_factor": 0.5}`, `partial_rotary_factor 0.5`},
		{`{"is_causal": false}`, `is_causal is false, which is not supported; true is`},
		{`{"use_bidirectional_attention": "all"}`, `use_bidirectional_attention is "all"`},
		{`{"attn_logit_softcapping": 50.0}`, `attn_logit_softcapping is 50.0`},
		{`{"logits_scaling": 8}`, `logits_scaling is 8, which is not supported; 1 is`},
		{`{"quantization": {"group_size": 64, "bits": 4}}`, `quantization (MLX) is not supported; use the unquantized`},
		{`{"quantization_config": {"quant_method": "gptq"}}`, `quantization_config (gptq)`},
		{`{"quantization_config": {"load_in_8bit": true}}`, `quantization_config (of an unnamed method)`},

		{`{"num_attention_heads": 3}`, `hidden_size 64 is no multiple of num_attention_heads 3 and there is no head_dim`},
		{`{"num_key_value_heads": 3}`, `num_attention_heads 4 is no multiple of num_key_value_heads 3`},
		{`{"num_key_value_heads": 0}`, `num_key_value_heads is 0`},
		{`{"num_key_value_heads": 8}`, `num_attention_heads 4 is no multiple`},
		{`{"num_attention_heads": 0, "num_key_value_heads": "absent"}`, `num_attention_heads is 0`},
		{`{"num_attention_heads": -4}`, `num_attention_heads is -4`},
		{`{"head_dim": 0}`, `head_dim is 0`},
		{`{"head_dim": 25}`, `head_dim is 25; it must be even`},
		{`{"head_dim": 512}`, `head_dim is 512`},
		{`{"vocab_size": 4194305}`, `vocab_size is 4194305`},
		{`{"vocab_size": 9000000000000000000}`, `vocab_size is`},
		{`{"vocab_size": 1e308}`, `vocab_size`},
		{`{"vocab_size": 0}`, `vocab_size is 0`},
		{`{"hidden_size": -64}`, `hidden_size is -64`},
		{`{"hidden_size": 1e5}`, `hidden_size is 1e5`},
		{`{"intermediate_size": 200000}`, `intermediate_size is 200000`},
		{`{"num_hidden_layers": 100000}`, `num_hidden_layers is 100000`},
		{`{"max_position_embeddings": 0}`, `max_position_embeddings is 0`},
		{`{"max_position_embeddings": -1}`, `max_position_embeddings is -1`},
		{`{"rms_norm_eps": 0}`, `rms_norm_eps is 0`},
		{`{"rms_norm_eps": 1e308}`, `rms_norm_eps is 1e+308`},
		{`{"rms_norm_eps": -1e-5}`, `rms_norm_eps is -1e-05`},
		{`{"eos_token_id": "</s>"}`, `eos_token_id is neither a token id nor a list of them`},
		{`{"eos_token_id": 1e308}`, `eos_token_id is neither`},
		{`{"eos_token_id": [` + strings.Repeat("1,", 1<<10) + `1]}`, `eos_token_id lists 1025 tokens`},

		{`{"rope_theta": 0}`, `rope_theta is 0`},
		{`{"rope_theta": 1}`, `rope_theta is 1`},
		{`{"rope_theta": -10000}`, `rope_theta is -10000`},
		{`{"rope_scaling": {"rope_type": "longrope", "factor": 2}}`, `rope_scaling type "longrope" is not supported; default, linear, llama3 and yarn are`},
		{`{"rope_scaling": {"type": "dynamic", "factor": 2}}`, `rope_scaling type "dynamic" is not supported`},
		{`{"rope_parameters": {"type": "mrope", "mrope_section": [1]}}`, `rope_parameters type "mrope" is not supported`},
		{`{"rope_parameters": {"full_attention": {"rope_type": "default"}}}`, `rope_parameters has a block for each type of layers`},
		{`{"rope_scaling": {"factor": 2}}`, `rope_scaling has no rope_type`},
		{`{"rope_scaling": {"rope_type": "linear"}}`, `rope_scaling linear has factor 0`},
		{`{"rope_scaling": {"rope_type": "linear", "factor": 0.5}}`, `rope_scaling linear has factor 0.5`},
		{`{"rope_scaling": {"rope_type": "linear", "type": "yarn", "factor": 2}}`, `rope_type "linear" and type "yarn"`},
		{`{"rope_scaling": {"rope_type": "linear", "factor": 2, "partial_rotary_factor": 0.25}}`, `partial_rotary_factor 0.25`},
		{`{"rope_scaling": {"rope_type": "default", "factor": 3}}`, `rope_scaling has "factor", which scaling of type default`},
		{`{"rope_scaling": {"rope_type": "linear", "factor": 2, "beta_fast": 3}}`, `rope_scaling has "beta_fast"`},
		{`{"rope_scaling": {"rope_type": "linear", "Factor": 2}}`, `rope_scaling has "Factor"`},
		{yarn(`"extrapolation_factor": 1`), `rope_scaling has "extrapolation_factor"`},
		{yarn(`"mscale": 1`), `mscale and mscale_all_dim, which only count together`},
		{yarn(`"finetuned": false`), `finetuned false`},
		{yarn(`"mscale": -1, "mscale_all_dim": 1`), `mscale -1`},
		{yarn(`"truncate": 1`), `rope_scaling.truncate is`},
		{`{"original_max_position_embeddings": 64, "rope_scaling": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 128}}`, `original_max_position_embeddings is 64 and, in rope_scaling, 128`},
		{`{"rope_scaling": {"rope_type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "linear", "factor": 4}}`, `rope_scaling and rope_parameters are both there and differ`},
		{`{"rope_scaling": {"rope_type": "yarn"}}`, `rope_scaling yarn has factor 0`},
		{`{"rope_scaling": {"rope_type": "yarn", "factor": -4}}`, `rope_scaling yarn has factor -4`},
		{`{"rope_scaling": {"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 64}}`, `low_freq_factor 0`},
		{`{"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}}`, `low_freq_factor 4`},
		{yarn(`"original_max_position_embeddings": -64`), `original_max_position_embeddings -64`},
		{yarn(`"beta_slow": 0`), `beta_slow 0`},
		{yarn(`"beta_fast": 1e308`), `beta_fast 1e+308`},
		{yarn(`"beta_fast": 1, "beta_slow": 32`), `beta_fast 1`},
		{yarn(`"attention_factor": -1`), `attention_factor -1`},
		{yarn(`"attention_factor": 1e308`), `attention_factor 1e+308`},
		{`{"rope_scaling": {"rope_type": "default"}, "rope_parameters": {"rope_theta": 5}}`, `rope_theta is 10000 and, in the scaling of the positions, 5`},
	} {
		_, err := ParseConfig(with(t, c.over))
		if err == nil {
			t.Errorf("%s was accepted", c.over)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", c.over, err, c.want)
		}
	}
	for _, raw := range []string{"", "null", "[]", "{", "7", `{"vocab_size": 1} {}`, `{"vocab_size": 1e999}`, "\xff"} {
		if _, err := ParseConfig([]byte(raw)); err == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
}

// TestHostileNumbersRotate parses numbers at the edge of what is taken and wants frequencies
// that a decoder can use.
func TestHostileNumbersRotate(t *testing.T) {
	for _, over := range []string{
		`{"rope_theta": 1e308}`, `{"rope_theta": 1.0000000000000002}`,
		`{"rope_scaling": {"rope_type": "llama3", "factor": 1e308, "low_freq_factor": 1e-308, "high_freq_factor": 1e308}}`,
		`{"rope_scaling": {"rope_type": "yarn", "factor": 1e308, "beta_fast": 1e6, "beta_slow": 1e-6}}`,
		`{"rope_theta": 1.0000000000000002, "rope_scaling": {"rope_type": "yarn", "factor": 1, "beta_fast": 1e-6, "beta_slow": 1e-6}}`,
		`{"rope_scaling": {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 9223372036854775807}}`,
	} {
		c, err := ParseConfig(with(t, over))
		if err != nil {
			t.Errorf("%s: %v", over, err)
			continue
		}
		usable(t, &c)
	}
}

// usable fails unless the rotary frequencies of c lie in [0, 1] and the scale is finite.
func usable(t *testing.T, c *model.Config) {
	t.Helper()
	r, err := c.Rope.Rotary(c.HeadDim)
	if err != nil {
		t.Fatalf("%+v: %v", c.Rope, err)
	}
	for _, f := range r.InvFreq {
		if !(f >= 0 && f <= 1+1e-9) {
			t.Fatalf("%+v gives frequency %g", c.Rope, f)
		}
	}
	if !(r.Scale > 0 && r.Scale < math.MaxFloat32) {
		t.Fatalf("%+v gives scale %g", c.Rope, r.Scale)
	}
}

// again is c written and read.
func again(t *testing.T, c *model.Config) model.Config {
	t.Helper()
	raw, err := MarshalConfig(c, "float32")
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	got, err := ParseConfig(raw)
	if err != nil {
		t.Fatalf("%+v was written as\n%s\nwhich does not read: %v", c, raw, err)
	}
	return got
}

func TestConfigRoundTrip(t *testing.T) {
	for _, c := range accepted {
		want, err := ParseConfig(with(t, c.over))
		if err != nil {
			t.Fatal(err)
		}
		if got := again(t, &want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.name, got, want)
		}
	}
}

// TestGenerationConfig joins the end tokens of generation_config.json with those of config.json.
func TestGenerationConfig(t *testing.T) {
	for _, c := range []struct {
		text string
		eos  []int32
		err  string
	}{
		{`{"eos_token_id": [5, 6]}`, []int32{5, 6, 2}, ""},
		{`{"eos_token_id": [2, 6]}`, []int32{2, 6}, ""},
		{"\ufeff" + `{"eos_token_id": 6, "temperature": NaN}`, []int32{6, 2}, ""},
		{`{"eos_token_id": null}`, []int32{2}, ""},
		{`{}`, []int32{2}, ""},
		{`{"eos_token_id": 300}`, []int32{2}, ""},
		{`{"eos_token_id": {}}`, nil, "or remove it"},
		{`{`, nil, "or remove it"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "generation_config.json")
		for name, text := range map[string]string{"config.json": string(with(t, `{}`)),
			"generation_config.json": c.text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ReadConfig(dir)
		switch {
		case c.err == "" && (err != nil || !reflect.DeepEqual(got.EOS, c.eos)):
			t.Errorf("%s: end tokens %v, error %v; want %v", c.text, got.EOS, err, c.eos)
		case c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), path) ||
			!strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v; want %q", c.text, err, c.err)
		}
	}
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := ReadConfig(dir); err == nil ||
		!strings.Contains(err.Error(), dir+" is not a Hugging Face model directory") {
		t.Errorf("error is %v", err)
	}
	runs := t.TempDir() // of a run, whose checkpoints are models
	for _, step := range []string{"step-000002", "step-000010"} {
		if err := os.Mkdir(filepath.Join(runs, step), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(runs, step, "config.json"), []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := filepath.Join(t.TempDir(), "snapshots", "0123") // of a cache
	if err := os.MkdirAll(snapshot, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../blobs/4567", filepath.Join(snapshot, "config.json")); err == nil {
		_, err := ReadConfig(snapshot)
		if err == nil || !strings.Contains(err.Error(), "config.json: it is a link to ../../blobs/4567") {
			t.Errorf("error of a broken link is %v", err)
		}
		os.Remove(filepath.Join(snapshot, "config.json"))
	}
	if err := os.WriteFile(filepath.Join(snapshot, "config.json"), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	cache := filepath.Dir(filepath.Dir(snapshot))
	if _, err := ReadConfig(cache); err == nil || !strings.HasSuffix(err.Error(), "but "+snapshot+" is") {
		t.Errorf("error of a cache is %v", err)
	}
	_, err := ReadConfig(runs)
	if err == nil || !strings.HasSuffix(err.Error(), "but "+filepath.Join(runs, "step-000010")+" is") {
		t.Errorf("error of a folder of checkpoints is %v", err)
	}
}

// FuzzParseConfig looks for panics, and for files that parse into what is not valid, cannot be
// computed with, or changes when written and read.
func FuzzParseConfig(f *testing.F) {
	for _, c := range accepted {
		f.Add(with(f, c.over))
	}
	f.Add([]byte(`{"model_type": "qwen3", "hidden_act": "silu", "eos_token_id": [0, null], "rope_scaling": null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseConfig(raw)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("%+v was parsed and is not valid: %v", c, err)
		}
		usable(t, &c)
		if got := again(t, &c); !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v came back as\n%+v", c, got)
		}
	})
}
