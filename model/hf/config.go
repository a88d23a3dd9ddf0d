// Package hf reads and writes Hugging Face model directories: config.json and safetensors, single
// or sharded; of generation_config.json it reads the end tokens. A directory it writes loads
// anywhere.
package hf

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"spell/model"
	"spell/tensor/jsonfile"
	"spell/tensor/signature"
)

// maxConfig is the bytes of the largest config.json and generation_config.json, far above those of
// published models.
const maxConfig = 1 << 20

// ReadConfig reads dir/config.json. The end tokens are those of dir/generation_config.json, if
// there is one, and after them those of config.json.
func ReadConfig(dir string) (model.Config, error) {
	c, _, err := readConfig(dir)
	return c, err
}

// within names the model in a folder of models, such as the checkpoints of a run or what a cache of
// Hugging Face's hub keeps of one, as the way on of an error; the last in the order of names.
func within(dir string) string {
	for _, below := range []string{"*", filepath.Join("snapshots", "*")} {
		found, _ := filepath.Glob(filepath.Join(dir, below, "config.json"))
		if len(found) > 0 {
			return fmt.Sprintf(", but %s is", filepath.Dir(found[len(found)-1]))
		}
	}
	return ""
}

// readConfig does what ReadConfig does and also returns the fields of config.json.
func readConfig(dir string) (c model.Config, f *configFile, err error) {
	path := filepath.Join(dir, "config.json")
	raw, err := jsonfile.Read(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		if link := signature.Link(path); link != nil {
			return c, nil, fmt.Errorf("%s: %w", path, link)
		}
		return c, nil, fmt.Errorf("%s is not there; %s is not a Hugging Face model directory%s", path, dir, within(dir))
	}
	if err == nil {
		c, f, err = parseConfig(raw)
	}
	if err != nil {
		return c, f, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, "generation_config.json")
	var g struct {
		EOS tokenIDs `json:"eos_token_id"`
	}
	raw, err = jsonfile.Read(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return c, f, nil
	}
	if err == nil {
		err = readJSON(raw, &g)
	}
	if err != nil {
		return c, f, fmt.Errorf("%s: %w, or remove it", path, err)
	}
	c.EOS = join(g.EOS.within(c.Vocab), c.EOS)
	return c, f, nil
}

// join returns the ids of both lists in order, each once.
func join(a, b []int32) []int32 {
	var all []int32
	for _, id := range slices.Concat(a, b) {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// ParseConfig reads the text of a config.json. A field that is not there has the value that Hugging
// Face's config class of the family gives it. The error names what this decoder does not compute.
func ParseConfig(raw []byte) (model.Config, error) {
	c, _, err := parseConfig(raw)
	return c, err
}

// parseConfig does what ParseConfig does and also returns the fields.
func parseConfig(raw []byte) (c model.Config, f *configFile, err error) {
	var kind struct {
		ModelType string `json:"model_type"`
	}
	if err := readJSON(raw, &kind); err != nil {
		return c, nil, err
	}
	family, err := model.FamilyNamed(kind.ModelType)
	if err != nil {
		return c, nil, err
	}
	f = fieldsOf(&family)
	if err := readJSON(raw, f); err != nil {
		return c, nil, err
	}
	if err := checkOthers(raw); err != nil {
		return c, nil, err
	}
	c, err = f.config(&family)
	return c, f, err
}

// config returns the decoder of a family that f describes.
func (f *configFile) config(family *model.Family) (c model.Config, err error) {
	if err := f.refuse(family); err != nil {
		return c, err
	}
	d := &family.Defaults
	c = model.Config{
		Vocab: or(f.Vocab, d.Vocab), Hidden: or(f.Hidden, d.Hidden), FF: or(f.FF, d.FF),
		Layers: or(f.Layers, d.Layers), Heads: or(f.Heads, d.Heads),
		Context: or(f.Context, d.Context), Tied: or(f.Tied, d.Tied), NormEps: or(f.NormEps, d.NormEps),
		InitRange: f.InitRange,
	}
	family.Apply(&c)
	if d.Experts > 0 {
		c.Mixture = f.mixture(&d.Mixture)
	}
	if f.AttentionBias && family.AttentionBias {
		c.QKVBias, c.OBias = true, true
	}
	c.MLPBias = f.MLPBias
	c.KVHeads = or(f.KVHeads, c.Heads)
	if c.HeadDim, err = f.headDim(&c); err != nil {
		return c, err
	}
	if bos := or(f.BOS, -1); bos >= 0 && int(bos) < c.Vocab {
		c.BOS = bos
	} else {
		c.BOS = -1
	}
	c.EOS = join(f.EOS.within(c.Vocab), nil)
	if err := f.windows(&c, family.Windows); err != nil {
		return c, err
	}
	if err := f.positions(&c, d.Rope.Theta); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// refuse returns an error that names a field by which this decoder would compute something else
// than the model.
func (f *configFile) refuse(family *model.Family) error {
	switch act := or(f.HiddenAct, "silu"); {
	case act != "silu" && act != "swish": // two names of one function
		return fmt.Errorf("hidden_act %q is not supported; silu is", act)
	case f.MLPBias && !family.MLPBias:
		return fmt.Errorf("mlp_bias with model_type %s is not supported", family.Name)
	case f.AttentionBias && !family.AttentionBias && !family.QKVBias:
		return fmt.Errorf("attention_bias with model_type %s is not supported", family.Name)
	case or(f.RotaryShare, 1) != 1:
		return fmt.Errorf("partial_rotary_factor %g is not supported; 1 is", *f.RotaryShare)
	}
	if len(f.MLX) > 0 && string(f.MLX) != "null" {
		return fmt.Errorf("quantization (MLX) is not supported; %s", insteadOfQuantized)
	}
	if len(f.Quantization) == 0 || string(f.Quantization) == "null" {
		return nil
	}
	return checkQuantization(f.Quantization)
}

// headDim returns the width of a head.
func (f *configFile) headDim(c *model.Config) (int, error) {
	switch {
	case f.HeadDim != nil:
		return *f.HeadDim, nil
	case c.Heads <= 0: // Validate says so
		return 0, nil
	case c.Hidden%c.Heads != 0:
		return 0, fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d and there is no head_dim",
			c.Hidden, c.Heads)
	}
	return c.Hidden / c.Heads, nil
}
