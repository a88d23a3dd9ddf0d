// Package hf reads and writes Hugging Face model directories: config.json and safetensors, single
// or sharded; of generation_config.json it reads the end tokens. A directory it writes loads
// anywhere.
package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"spell/model"
)

// configFile is the part of config.json that shapes a decoder.
type configFile struct {
	Architectures []string       `json:"architectures,omitempty"`
	ModelType     string         `json:"model_type"`
	HiddenAct     string         `json:"hidden_act"`
	Hidden        int            `json:"hidden_size"`
	FF            int            `json:"intermediate_size"`
	Layers        int            `json:"num_hidden_layers"`
	Heads         int            `json:"num_attention_heads"`
	KVHeads       *int           `json:"num_key_value_heads"`
	HeadDim       *int           `json:"head_dim"`
	Vocab         int            `json:"vocab_size"`
	Context       int            `json:"max_position_embeddings"`
	NormEps       *float64       `json:"rms_norm_eps"`
	Theta         *float64       `json:"rope_theta"`
	Scaling       *scalingFile   `json:"rope_scaling"`
	Rope          *scalingFile   `json:"rope_parameters,omitempty"` // newer files: rope_theta and rope_scaling in one
	Tied          *bool          `json:"tie_word_embeddings"`
	AttentionBias bool           `json:"attention_bias"`
	MLPBias       bool           `json:"mlp_bias,omitempty"`
	Sliding       bool           `json:"use_sliding_window,omitempty"`
	LayerTypes    []string       `json:"layer_types,omitempty"`
	InitRange     float64        `json:"initializer_range,omitempty"`
	BOS           *int32         `json:"bos_token_id"`
	EOS           tokenIDs       `json:"eos_token_id"`
	DType         string         `json:"torch_dtype,omitempty"`
	Quantization  map[string]any `json:"quantization_config,omitempty"`
}

// scalingFile is rope_scaling, or rope_parameters, which has the base, too.
type scalingFile struct {
	Theta           *float64 `json:"rope_theta,omitempty"`
	Type            string   `json:"rope_type"`
	OldType         string   `json:"type,omitempty"`
	Factor          float64  `json:"factor"`
	Original        int      `json:"original_max_position_embeddings,omitempty"`
	LowFreq         float64  `json:"low_freq_factor,omitempty"`
	HighFreq        float64  `json:"high_freq_factor,omitempty"`
	BetaFast        *float64 `json:"beta_fast,omitempty"`
	BetaSlow        *float64 `json:"beta_slow,omitempty"`
	AttentionFactor *float64 `json:"attention_factor,omitempty"`
	MScale          *float64 `json:"mscale,omitempty"`
	MScaleAllDim    *float64 `json:"mscale_all_dim,omitempty"`
}

// tokenIDs are the ids of a field that holds one, a list, or null.
type tokenIDs []int32

func (t *tokenIDs) UnmarshalJSON(b []byte) error {
	*t = nil
	if string(b) == "null" {
		return nil
	}
	var one int32
	if json.Unmarshal(b, &one) == nil {
		*t = tokenIDs{one}
		return nil
	}
	var many []int32
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("eos_token_id is neither a token id nor a list of them; mend the field")
	}
	if len(many) > 0 {
		*t = many
	}
	return nil
}

func (t tokenIDs) MarshalJSON() ([]byte, error) {
	switch len(t) {
	case 0:
		return []byte("null"), nil
	case 1:
		return json.Marshal(t[0])
	}
	return json.Marshal([]int32(t))
}

// ReadConfig reads dir/config.json, and the end tokens of dir/generation_config.json if there is
// one.
func ReadConfig(dir string) (model.Config, error) {
	c, _, err := readConfig(dir)
	return c, err
}

// within names the model in a folder of models, such as the checkpoints of a run, as the way on of
// an error; the last in the order of names.
func within(dir string) string {
	found, _ := filepath.Glob(filepath.Join(dir, "*", "config.json"))
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf(", but %s is", filepath.Dir(found[len(found)-1]))
}

// readConfig does what ReadConfig does and also reports whether the file rules out a tied head.
func readConfig(dir string) (c model.Config, untied bool, err error) {
	path := filepath.Join(dir, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return c, false, fmt.Errorf(
				"%s is not there; %s is not a Hugging Face model directory%s",
				path, dir, within(dir))
		}
		return c, false, err
	}
	if c, untied, err = parseConfig(raw); err != nil {
		return c, untied, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, "generation_config.json")
	raw, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, untied, nil
	} else if err != nil {
		return c, untied, err
	}
	var g struct {
		EOS tokenIDs `json:"eos_token_id"`
	}
	if err := readJSON(raw, &g); err != nil {
		return c, untied, fmt.Errorf("%s: %w, or remove it", path, err)
	}
	if len(g.EOS) > 0 {
		c.EOS = g.EOS
	}
	if err := c.Validate(); err != nil {
		return c, untied, fmt.Errorf("%s: %w", path, err)
	}
	return c, untied, nil
}

// ParseConfig reads the text of a config.json. The error names what this decoder does not compute.
func ParseConfig(raw []byte) (model.Config, error) {
	c, _, err := parseConfig(raw)
	return c, err
}

// parseConfig does what ParseConfig does and also reports whether the file rules out a tied head.
func parseConfig(raw []byte) (c model.Config, untied bool, err error) {
	var f configFile
	if err := readJSON(raw, &f); err != nil {
		return c, false, err
	}
	c, err = f.config()
	return c, !or(f.Tied, true), err
}

// config returns the decoder that f describes.
func (f *configFile) config() (model.Config, error) {
	family, err := model.FamilyNamed(f.ModelType)
	if err != nil {
		return model.Config{}, err
	}
	switch {
	case f.HiddenAct != "silu":
		return model.Config{}, fmt.Errorf("hidden_act %q is not supported; silu is", f.HiddenAct)
	case f.MLPBias:
		return model.Config{}, errors.New("mlp_bias is not supported")
	case f.Sliding:
		return model.Config{}, errors.New("use_sliding_window is not supported; " +
			"set it to false to attend to everything")
	case slices.ContainsFunc(f.LayerTypes, func(t string) bool { return t != "full_attention" }):
		return model.Config{}, errors.New("layer_types other than full_attention are not supported")
	case f.AttentionBias && !family.QKVBias:
		return model.Config{}, fmt.Errorf("attention_bias with model_type %s is not supported", f.ModelType)
	case len(f.Quantization) > 0:
		return model.Config{}, errors.New("quantization_config is not supported; use the unquantized model")
	}
	c := model.Config{
		Vocab: f.Vocab, Hidden: f.Hidden, FF: f.FF, Layers: f.Layers, Heads: f.Heads,
		KVHeads: or(f.KVHeads, f.Heads), Context: f.Context,
		Tied: or(f.Tied, false), NormEps: or(f.NormEps, 1e-6),
		BOS: max(or(f.BOS, -1), -1), EOS: f.EOS, InitRange: f.InitRange,
	}
	family.Apply(&c)
	switch {
	case f.HeadDim != nil:
		c.HeadDim = *f.HeadDim
	case f.Heads > 0:
		if f.Hidden%f.Heads != 0 {
			return c, fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d and there is no head_dim",
				f.Hidden, f.Heads)
		}
		c.HeadDim = f.Hidden / f.Heads
	}
	scaling, theta := f.Scaling, f.Theta
	if f.Rope != nil {
		if scaling != nil {
			return c, errors.New("rope_scaling and rope_parameters are both there; remove one")
		}
		scaling = f.Rope
	}
	if scaling != nil && scaling.Theta != nil {
		if theta != nil && *theta != *scaling.Theta {
			return c, fmt.Errorf("rope_theta is %g and, in the scaling of the positions, %g; keep one",
				*theta, *scaling.Theta)
		}
		theta = scaling.Theta
	}
	if c.Rope, err = scaling.rope(or(theta, 10000), f.Context); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// rope returns the position embedding that s, which may be nil, makes of a base and a context.
func (s *scalingFile) rope(theta float64, context int) (model.Rope, error) {
	r := model.Rope{Theta: theta, Type: "default"}
	if s == nil {
		return r, nil
	}
	kind := s.Type
	if kind == "" {
		kind = s.OldType
	}
	switch {
	case kind == "default", kind == "" && s.Factor == 0:
		return r, nil
	case kind == "":
		return r, errors.New("rope_scaling has a factor and no rope_type; llama3 and yarn are known")
	case s.MScale != nil || s.MScaleAllDim != nil:
		return r, errors.New("rope_scaling with mscale is not supported")
	}
	r.Type, r.Factor, r.Original = kind, s.Factor, s.Original
	if r.Original == 0 {
		r.Original = context
	}
	switch kind {
	case "llama3":
		r.LowFreq, r.HighFreq = s.LowFreq, s.HighFreq
	case "yarn":
		r.BetaFast, r.BetaSlow, r.AttentionFactor = or(s.BetaFast, 32), or(s.BetaSlow, 1), or(s.AttentionFactor, 0)
	}
	return r, nil
}

// MarshalConfig writes c as config.json, with weights of the given torch_dtype.
func MarshalConfig(c *model.Config, dtype string) ([]byte, error) {
	family, err := model.FamilyNamed(c.Family)
	if err != nil {
		return nil, err
	}
	f := configFile{
		Architectures: []string{family.Class}, ModelType: c.Family, HiddenAct: "silu",
		Hidden: c.Hidden, FF: c.FF, Layers: c.Layers, Heads: c.Heads, KVHeads: &c.KVHeads, HeadDim: &c.HeadDim,
		Vocab: c.Vocab, Context: c.Context, NormEps: &c.NormEps, Theta: &c.Rope.Theta, Tied: &c.Tied,
		AttentionBias: c.QKVBias, InitRange: c.InitRange, EOS: c.EOS, DType: dtype,
	}
	if c.BOS >= 0 {
		f.BOS = &c.BOS
	}
	if r := c.Rope; r.Type != "" && r.Type != "default" {
		f.Scaling = &scalingFile{Type: r.Type, Factor: r.Factor, Original: r.Original}
		if r.Type == "llama3" {
			f.Scaling.LowFreq, f.Scaling.HighFreq = r.LowFreq, r.HighFreq
		} else {
			f.Scaling.BetaFast, f.Scaling.BetaSlow = &r.BetaFast, &r.BetaSlow
			if r.AttentionFactor != 0 {
				f.Scaling.AttentionFactor = &r.AttentionFactor
			}
		}
	}
	return json.MarshalIndent(f, "", "  ")
}

// or returns what p points to, or otherwise.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
