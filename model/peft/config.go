// Package peft reads and writes LoRA adapters as Hugging Face's PEFT keeps them: a folder with
// adapter_config.json and adapter_model.safetensors, without the model that they belong to.
package peft

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"spell/model"
	"spell/tensor/atomicfile"
	"spell/tensor/jsonfile"
	"spell/tensor/signature"
)

const (
	configName  = "adapter_config.json"
	weightsName = "adapter_model.safetensors"

	// maxConfig is the bytes of the largest adapter_config.json.
	maxConfig = 1 << 20
)

// A Config is what an adapter_config.json says.
type Config struct {
	Base  string   // base_model_name_or_path: where the model was that the adapters were trained on
	Notes []string // sentences about what of it only matters in training and is not done here

	path             string
	rank             int
	alpha            float64
	rsLoRA           bool
	targets, exclude modules
	layers           []int // layers_to_transform; nil: all
	ranks, alphas    patterns
	nodes            int // of all regular expressions
}

// Is reports whether a folder holds adapters.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, configName))
	return err == nil
}

// ReadConfig reads adapter_config.json in dir. What changes the result and is not done here is refused
// by name.
func ReadConfig(dir string) (*Config, error) {
	c := &Config{path: filepath.Join(dir, configName)}
	raw, err := jsonfile.Read(c.path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, notAdapters(dir)
	}
	if err == nil {
		err = c.parse(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return c, nil
}

// notAdapters returns the error about a path that holds no adapters. It names a folder near it that does.
func notAdapters(path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file; name the folder of a LoRA adapter as PEFT saves it, such as %s", path,
			filepath.Dir(path))
	}
	within := ""
	if found, _ := filepath.Glob(filepath.Join(path, "*", configName)); len(found) > 0 {
		within = fmt.Sprintf(", such as %s", filepath.Dir(found[len(found)-1]))
	}
	return fmt.Errorf("%s holds no %s; name the folder of a LoRA adapter as PEFT saves it%s", path, configName, within)
}

// parse reads the file's text key by key.
func (c *Config) parse(raw []byte) error {
	keys, err := object(jsonfile.Standard(raw))
	if err != nil {
		return cmp.Or(signature.Check(raw), fmt.Errorf("it is not a JSON object (%w); copy it again", err))
	}
	if !slices.ContainsFunc(keys, func(k key) bool { return k.name == "peft_type" }) {
		return errors.New("peft_type is missing; it must be LORA, as PEFT writes it and other programs (MLX) do not")
	}
	c.alpha, c.rank = 8, 8 // of PEFT's LoraConfig
	for _, k := range keys {
		read, known := readers[k.name]
		switch {
		case read != nil:
			err = read(c, k.value)
		case !known && !empty(k.value):
			err = fmt.Errorf("it is %s, and nothing is known here of such a key; adapters that depend on it cannot be "+
				"loaded", shorten(k.value))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	l := model.LoRA{Rank: c.rank, Alpha: c.alpha, Targets: model.AdapterTargets}
	if err := l.Validate(); err != nil {
		return fmt.Errorf("%w (as r or lora_alpha)", err)
	}
	if c.targets.none() {
		return errors.New("target_modules is missing; it must name the modules that have adapters")
	}
	return nil
}

// A key is an entry of a JSON object.
type key struct {
	name  string
	value json.RawMessage
}

// object returns the entries of a JSON object in their order.
func object(raw []byte) ([]key, error) {
	if !json.Valid(raw) {
		return nil, errors.New("it is no JSON")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it does not begin with {")
	}
	var keys []key
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		k := key{name: name.(string)}
		if err := d.Decode(&k.value); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// empty reports whether a value turns nothing on.
func empty(v json.RawMessage) bool {
	return slices.Contains([]string{"null", "false", `""`, "[]", "{}"}, strings.Join(strings.Fields(string(v)), ""))
}

// shorten returns the beginning of a value for an error.
func shorten(v json.RawMessage) string {
	if len(v) > 60 {
		return strings.ToValidUTF8(string(v[:60]), "") + "…"
	}
	return string(v)
}

// of returns rank and alpha of a module; ok is false if it has no adapter.
func (c *Config) of(module string) (l model.LoRA, ok bool) {
	if !c.targets.match(module) || c.exclude.match(module) || !c.inLayers(module) {
		return l, false
	}
	l = model.LoRA{Rank: c.rank, Alpha: c.alpha, RSLoRA: c.rsLoRA}
	if v, ok := c.ranks.of(module); ok {
		l.Rank = int(v)
	}
	if v, ok := c.alphas.of(module); ok {
		l.Alpha = v
	}
	return l, true
}

// inLayers reports whether layers_to_transform has the layer of a module.
func (c *Config) inLayers(module string) bool {
	if c.layers == nil {
		return true
	}
	var layer int
	_, rest, found := strings.Cut(module, "layers.")
	_, err := fmt.Sscanf(rest, "%d.", &layer)
	return found && err == nil && slices.Contains(c.layers, layer)
}

// LoRA returns the adapters as settings have them. It is an error if some layers or matrices of a model
// with that configuration have others than the rest, which can be used but not trained here.
func (c *Config) LoRA(m *model.Config) (model.LoRA, error) {
	l := model.LoRA{Rank: c.rank, Alpha: c.alpha, RSLoRA: c.rsLoRA}
	for _, s := range model.Shapes(m) {
		if own, ok := c.of(s.Module()); ok && s.Adaptable() {
			if t := s.Target(); !slices.Contains(l.Targets, t) {
				l.Targets = append(l.Targets, t)
			}
			if own.Rank != l.Rank || own.Alpha != l.Alpha {
				return l, fmt.Errorf("%s gives %s another rank or alpha than the rest (rank_pattern, alpha_pattern); "+
					"such adapters can be used and not trained further", c.path, s.Module())
			}
		}
	}
	for _, s := range model.Shapes(m) {
		if _, ok := c.of(s.Module()); !ok && slices.Contains(l.Targets, s.Target()) {
			return l, fmt.Errorf("%s gives %s no adapter and others of its name one; such adapters can be used and "+
				"not trained further", c.path, s.Module())
		}
	}
	slices.SortFunc(l.Targets, func(a, b string) int {
		return slices.Index(model.AdapterTargets, a) - slices.Index(model.AdapterTargets, b)
	})
	if err := l.Validate(); err != nil {
		return l, fmt.Errorf("%s: %w", c.path, err)
	}
	return l, nil
}

// write writes adapter_config.json for adapters that were trained on the model at base.
func write(dir, base string, l *model.LoRA) error {
	file := struct {
		Type      string             `json:"peft_type"`
		Task      string             `json:"task_type"`
		Base      *string            `json:"base_model_name_or_path"`
		Revision  *string            `json:"revision"`
		Mapping   *string            `json:"auto_mapping"`
		Inference bool               `json:"inference_mode"`
		Rank      int                `json:"r"`
		Alpha     float64            `json:"lora_alpha"`
		RSLoRA    bool               `json:"use_rslora"`
		Dropout   float64            `json:"lora_dropout"`
		Targets   []string           `json:"target_modules"`
		Bias      string             `json:"bias"`
		Swapped   bool               `json:"fan_in_fan_out"`
		DoRA      bool               `json:"use_dora"`
		Init      bool               `json:"init_lora_weights"`
		Saved     []string           `json:"modules_to_save"`
		Layers    []int              `json:"layers_to_transform"`
		Pattern   []string           `json:"layers_pattern"`
		Ranks     map[string]int     `json:"rank_pattern"`
		Alphas    map[string]float64 `json:"alpha_pattern"`
	}{Type: "LORA", Task: "CAUSAL_LM", Inference: true, Rank: l.Rank, Alpha: l.Alpha, RSLoRA: l.RSLoRA,
		Targets: l.Targets, Bias: "none", Init: true, Ranks: map[string]int{}, Alphas: map[string]float64{}}
	if base != "" {
		file.Base = &base
	}
	raw, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, configName), append(raw, '\n'))
}
