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

// with is base with the fields of a JSON object laid over it; a null field is removed.
func with(t testing.TB, over string) []byte {
	t.Helper()
	f := base()
	var o map[string]json.RawMessage // raw, to keep the spelling of numbers
	if err := json.Unmarshal([]byte(over), &o); err != nil {
		t.Fatalf("%s: %v", over, err)
	}
	for k, v := range o {
		if f[k] = v; string(v) == "null" {
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
	{"qwen3", `{"model_type": "qwen3"}`, func(c *model.Config) { c.Family, c.QKNorm = "qwen3", true }},
	{"head_dim of its own", `{"head_dim": 128}`, func(c *model.Config) { c.HeadDim = 128 }},
	{"hidden no multiple of heads", `{"hidden_size": 65, "head_dim": 16}`, func(c *model.Config) { c.Hidden = 65 }},
	{"no num_key_value_heads", `{"num_key_value_heads": null}`, func(c *model.Config) { c.KVHeads = 4 }},
	{"no rope_theta", `{"rope_theta": null}`, func(*model.Config) {}},
	{"no rms_norm_eps", `{"rms_norm_eps": null}`, func(c *model.Config) { c.NormEps = 1e-6 }},
	{"untied", `{"tie_word_embeddings": false}`, func(c *model.Config) { c.Tied = false }},
	{"no tie_word_embeddings", `{"tie_word_embeddings": null}`, func(c *model.Config) { c.Tied = false }},
	{"no begin token", `{"bos_token_id": null}`, func(c *model.Config) { c.BOS = -1 }},
	{"begin token -1", `{"bos_token_id": -1}`, func(c *model.Config) { c.BOS = -1 }},
	{"end tokens", `{"eos_token_id": [7, 2, 9]}`, func(c *model.Config) { c.EOS = []int32{7, 2, 9} }},
	{"one end token in a list", `{"eos_token_id": [7]}`, func(c *model.Config) { c.EOS = []int32{7} }},
	{"no end token", `{"eos_token_id": null}`, func(c *model.Config) { c.EOS = nil }},
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
	{"yarn in the older spelling, every field", `{"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.25}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e4, Type: "yarn", Factor: 4, Original: 4096, BetaFast: 16, BetaSlow: 2,
				AttentionFactor: 1.25}
		}},
	{"default scaling", `{"rope_scaling": {"rope_type": "default", "factor": 3}}`, func(*model.Config) {}},
	{"rope_parameters", `{"rope_theta": null, "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}}`, func(c *model.Config) { c.Rope.Theta = 1e6 }},
	{"rope_parameters of yarn", `{"rope_theta": null, "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "yarn", "factor": 2.0}}`,
		func(c *model.Config) {
			c.Rope = model.Rope{Theta: 1e6, Type: "yarn", Factor: 2, Original: 4096, BetaFast: 32, BetaSlow: 1}
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
		{`{"model_type": "mistral"}`, `model_type "mistral" is not supported; llama, qwen2 and qwen3 are`},
		{`{"model_type": null}`, `model_type "" is not supported`},
		{`{"model_type": "qwen3_moe"}`, `model_type "qwen3_moe" is not supported`},
		{`{"hidden_act": "gelu"}`, `hidden_act "gelu"`},
		{`{"mlp_bias": true}`, `mlp_bias`},
		{`{"attention_bias": true}`, `attention_bias with model_type llama`},
		{`{"model_type": "qwen3", "attention_bias": true}`, `attention_bias with model_type qwen3`},
		{`{"use_sliding_window": true}`, `use_sliding_window`},
		{`{"layer_types": ["full_attention", "sliding_attention"]}`, `layer_types`},
		{`{"quantization_config": {"quant_method": "gptq"}}`, `quantization_config`},

		{`{"num_attention_heads": 3}`, `hidden_size 64 is no multiple of num_attention_heads 3 and there is no head_dim`},
		{`{"num_key_value_heads": 3}`, `num_attention_heads 4 is no multiple of num_key_value_heads 3`},
		{`{"num_key_value_heads": 0}`, `num_key_value_heads is 0`},
		{`{"num_key_value_heads": 8}`, `num_attention_heads 4 is no multiple`},
		{`{"num_attention_heads": 0, "num_key_value_heads": null}`, `num_attention_heads is 0`},
		{`{"num_attention_heads": -4}`, `num_attention_heads is -4`},
		{`{"head_dim": 0}`, `head_dim is 0`},
		{`{"head_dim": 20}`, `head_dim is 20`},
		{`{"head_dim": 512}`, `head_dim is 512`},
		{`{"vocab_size": 4194305}`, `vocab_size is 4194305`},
		{`{"vocab_size": 9000000000000000000}`, `vocab_size is`},
		{`{"vocab_size": 1e308}`, `vocab_size`},
		{`{"vocab_size": 0}`, `vocab_size is 0`},
		{`{"hidden_size": -64}`, `hidden_size is -64`},
		{`{"hidden_size": 1e5}`, `hidden_size is 1e5`},
		{`{"intermediate_size": 200000}`, `intermediate_size is 200000`},
		{`{"num_hidden_layers": 100000}`, `num_hidden_layers is 100000`},
		{`{"max_position_embeddings": null}`, `max_position_embeddings is 0`},
		{`{"max_position_embeddings": -1}`, `max_position_embeddings is -1`},
		{`{"rms_norm_eps": 0}`, `rms_norm_eps is 0`},
		{`{"rms_norm_eps": 1e308}`, `rms_norm_eps is 1e+308`},
		{`{"rms_norm_eps": -1e-5}`, `rms_norm_eps is -1e-05`},
		{`{"bos_token_id": 300}`, `bos_token_id 300 lies outside the vocabulary of 300`},
		{`{"eos_token_id": 300}`, `eos_token_id 300 lies outside`},
		{`{"eos_token_id": [2, -1]}`, `eos_token_id -1 lies outside`},
		{`{"eos_token_id": "</s>"}`, `eos_token_id is neither a token id nor a list of them`},
		{`{"eos_token_id": 1e308}`, `eos_token_id is neither`},

		{`{"rope_theta": 0}`, `rope_theta is 0`},
		{`{"rope_theta": 1}`, `rope_theta is 1`},
		{`{"rope_theta": -10000}`, `rope_theta is -10000`},
		{`{"rope_scaling": {"rope_type": "linear", "factor": 2}}`, `rope_scaling type "linear" is not known`},
		{`{"rope_scaling": {"factor": 2}}`, `rope_scaling has a factor and no rope_type`},
		{`{"rope_scaling": {"rope_type": "yarn"}}`, `rope_scaling yarn has factor 0`},
		{`{"rope_scaling": {"rope_type": "yarn", "factor": -4}}`, `rope_scaling yarn has factor -4`},
		{`{"rope_scaling": {"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 64}}`, `low_freq_factor 0`},
		{`{"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}}`, `low_freq_factor 4`},
		{yarn(`"original_max_position_embeddings": -64`), `original_max_position_embeddings -64`},
		{yarn(`"mscale": 1`), `mscale`},
		{yarn(`"beta_slow": 0`), `beta_slow 0`},
		{yarn(`"beta_fast": 1e308`), `beta_fast 1e+308`},
		{yarn(`"beta_fast": 1, "beta_slow": 32`), `beta_fast 1`},
		{yarn(`"attention_factor": -1`), `attention_factor -1`},
		{yarn(`"attention_factor": 1e308`), `attention_factor 1e+308`},
		{`{"rope_scaling": {"rope_type": "default"}, "rope_parameters": {"rope_theta": 5}}`, `rope_scaling and rope_parameters`},
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

// TestGenerationConfig prefers the end tokens of generation_config.json.
func TestGenerationConfig(t *testing.T) {
	for _, c := range []struct {
		text string
		eos  []int32
		err  string
	}{
		{`{"eos_token_id": [5, 6]}`, []int32{5, 6}, ""},
		{`{"eos_token_id": null}`, []int32{2}, ""},
		{`{}`, []int32{2}, ""},
		{`{"eos_token_id": 300}`, nil, "eos_token_id 300"},
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
