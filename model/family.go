package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Family is a line of published decoders that differ from Llama in the ways listed here.
type Family struct {
	Name    string // model_type in config.json
	Class   string // Hugging Face's class, for "architectures" in config.json
	QKVBias bool   // q, k and v have biases
	QKNorm  bool   // each head of q and k is normed
}

var registered = map[string]Family{}

// register adds a family to those that FamilyNamed finds.
func register(f Family) Family {
	registered[f.Name] = f
	return f
}

// The families.
var (
	Llama = register(Family{Name: "llama", Class: "LlamaForCausalLM"})
	Qwen2 = register(Family{Name: "qwen2", Class: "Qwen2ForCausalLM", QKVBias: true})
	Qwen3 = register(Family{Name: "qwen3", Class: "Qwen3ForCausalLM", QKNorm: true})
)

// FamilyNamed returns the family with that model_type. The error names those there are.
func FamilyNamed(name string) (Family, error) {
	f, ok := registered[name]
	if !ok {
		names := slices.Sorted(maps.Keys(registered))
		last := len(names) - 1
		return f, fmt.Errorf("model_type %q is not supported; %s and %s are",
			name, strings.Join(names[:last], ", "), names[last])
	}
	return f, nil
}

// Apply sets what the family fixes in a configuration.
func (f Family) Apply(c *Config) { c.Family, c.QKVBias, c.QKNorm = f.Name, f.QKVBias, f.QKNorm }
