package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Family is a line of published decoders: what Hugging Face's class of that name fixes, and what
// its config class takes for a field that config.json leaves out. Each has a file of its own,
// family_NAME.go, that registers it.
type Family struct {
	Name    string // model_type in config.json
	Class   string // Hugging Face's class, for "architectures" in config.json
	QKVBias bool   // q, k and v have biases, whatever config.json says
	QKNorm  bool   // each head of q and k is normed

	// AttentionBias and MLPBias allow config.json to give biases to q, k, v and o, and to gate, up
	// and down: attention_bias and mlp_bias.
	AttentionBias, MLPBias bool
	Windows                WindowRule

	// Defaults are the values of absent fields. A size of 0 has none: KVHeads is then Heads, HeadDim
	// is Hidden/Heads.
	Defaults Config
}

// A WindowRule says how the fields of config.json give layers a window.
type WindowRule uint8

// The rules.
const (
	NoWindow   WindowRule = iota // the class has none
	EveryLayer                   // sliding_window, unless it is null, holds in every layer
	SomeLayers                   // with use_sliding_window, in those of layer_types or from max_window_layers on
)

var registered = map[string]Family{}

// register adds a family to those that FamilyNamed finds.
func register(f Family) Family {
	registered[f.Name] = f
	return f
}

// FamilyNamed returns the family with that model_type. The error names those there are.
func FamilyNamed(name string) (Family, error) {
	f, ok := registered[name]
	if !ok {
		names := slices.Sorted(maps.Keys(registered))
		last := len(names) - 1
		return f, fmt.Errorf("model_type %.80q is not supported; %s and %s are",
			name, strings.Join(names[:last], ", "), names[last])
	}
	return f, nil
}

// Apply sets what the family fixes in a configuration, and leaves out biases that it only allows.
func (f Family) Apply(c *Config) {
	c.Family, c.QKVBias, c.QKNorm = f.Name, f.QKVBias, f.QKNorm
	c.OBias, c.MLPBias = false, false
}
