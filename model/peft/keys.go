package peft

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"spell/model"
)

// readers take the keys of adapter_config.json. One without a reader changes no result once the
// adapters are trained, and is passed over. A key that is not here is refused if it turns anything on.
var readers = map[string]func(c *Config, v json.RawMessage) error{
	"peft_type": only("LORA"),
	"task_type": only("CAUSAL_LM", "null"),
	"r":         func(c *Config, v json.RawMessage) error { return number(v, &c.rank) },
	"lora_alpha": func(c *Config, v json.RawMessage) error {
		return number(v, &c.alpha)
	},
	"use_rslora":     func(c *Config, v json.RawMessage) error { return truth(v, &c.rsLoRA) },
	"target_modules": func(c *Config, v json.RawMessage) error { return c.targets.read(v, c.compile) },
	"exclude_modules": func(c *Config, v json.RawMessage) error {
		return c.exclude.read(v, c.compile)
	},
	"layers_to_transform": (*Config).readLayers,
	"layers_pattern": func(_ *Config, v json.RawMessage) error {
		if s := strings.Join(strings.Fields(string(v)), ""); empty(v) || s == `"layers"` || s == `["layers"]` {
			return nil
		}
		return fmt.Errorf("it is %s; the layers of these models are called layers", shorten(v))
	},
	"rank_pattern":  func(c *Config, v json.RawMessage) error { return c.ranks.read(v, c.compile, 1, model.MaxRank, true) },
	"alpha_pattern": func(c *Config, v json.RawMessage) error { return c.alphas.read(v, c.compile, 1e-9, 1e6, false) },
	"base_model_name_or_path": func(c *Config, v json.RawMessage) error {
		if string(v) == "null" {
			return nil
		}
		return text(v, &c.Base)
	},
	"lora_dropout": func(c *Config, v json.RawMessage) error {
		var p float64
		if err := number(v, &p); err != nil {
			return err
		}
		if p != 0 {
			c.Notes = append(c.Notes, fmt.Sprintf("%s sets lora_dropout to %g, which matters in training alone; here "+
				"adapters are trained without", c.path, p))
		}
		return nil
	},
	"init_lora_weights": func(_ *Config, v json.RawMessage) error {
		var s string
		// Others, such as PiSSA, change the model itself before the adapters are trained.
		known := []string{"gaussian", "eva", "orthogonal", "mica"}
		if text(v, &s) != nil || slices.Contains(known, strings.ToLower(s)) {
			return nil
		}
		return fmt.Errorf("it is %q, so that the adapters belong to a changed copy of the model; convert them with "+
			"PEFT (save_pretrained with path_initial_model_for_weight_conversion)", s)
	},

	"bias":                    only("none"),
	"fan_in_fan_out":          off,
	"use_dora":                off,
	"use_qalora":              off,
	"use_bdlora":              off,
	"lora_bias":               off,
	"modules_to_save":         off,
	"trainable_token_indices": off,
	"target_parameters":       off,
	"layer_replication":       off,
	"megatron_config":         off,
	"alora_invocation_tokens": off,
	"arrow_config":            off,

	"auto_mapping": nil, "inference_mode": nil, "revision": nil, "peft_version": nil, "runtime_config": nil,
	"loftq_config": nil, "eva_config": nil, "corda_config": nil, "lora_ga_config": nil, "megatron_core": nil,
	"qalora_group_size": nil, "ensure_weight_tying": nil,
}

// off refuses a key that turns something on.
func off(_ *Config, v json.RawMessage) error {
	if empty(v) {
		return nil
	}
	return fmt.Errorf("it is %s, which is not done here; train the adapters without it, or merge them with PEFT",
		shorten(v))
}

// only refuses all but some words.
func only(words ...string) func(*Config, json.RawMessage) error {
	return func(_ *Config, v json.RawMessage) error {
		if word := strings.Trim(string(v), `"`); slices.Contains(words, word) {
			return nil
		}
		return fmt.Errorf("it is %s; it must be %s", shorten(v), words[0])
	}
}

// number reads an int or a float64.
func number[N int | float64](v json.RawMessage, n *N) error {
	var f float64
	if err := json.Unmarshal(v, &f); err != nil || string(v) == "null" || float64(N(f)) != f || math.Abs(f) > 1e9 {
		return fmt.Errorf("it is %s, which it cannot be; mend the field", shorten(v))
	}
	*n = N(f)
	return nil
}

// truth reads true or false.
func truth(v json.RawMessage, b *bool) error {
	if json.Unmarshal(v, b) != nil || string(v) == "null" {
		return fmt.Errorf("it is %s; it must be true or false", shorten(v))
	}
	return nil
}

// text reads a string.
func text(v json.RawMessage, s *string) error {
	if json.Unmarshal(v, s) != nil || string(v) == "null" {
		return fmt.Errorf("it is %s; it must be a text", shorten(v))
	}
	return nil
}

// readLayers reads the number of a layer or a list of them.
func (c *Config) readLayers(v json.RawMessage) error {
	if string(v) == "null" {
		return nil
	}
	c.layers = []int{0}
	if number(v, &c.layers[0]) == nil {
		return nil
	}
	if err := json.Unmarshal(v, &c.layers); err != nil || len(c.layers) == 0 {
		return fmt.Errorf("it is %s; it must be numbers of layers", shorten(v))
	}
	return nil
}

// modules are names of modules as target_modules gives them: the ends of their names, or a regular
// expression for the whole.
type modules struct {
	all     bool
	ends    []string
	pattern *regexp.Regexp
}

func (m *modules) none() bool { return !m.all && m.ends == nil && m.pattern == nil }

// read reads a list or a text.
func (m *modules) read(v json.RawMessage, compile compiler) (err error) {
	var s string
	switch {
	case string(v) == "null":
	case text(v, &s) == nil && strings.EqualFold(s, "all-linear"):
		m.all = true
	case text(v, &s) == nil:
		m.pattern, err = compile("^(?:" + s + ")$")
	case json.Unmarshal(v, &m.ends) != nil:
		err = fmt.Errorf("it is %s; it must be a list of names or a regular expression", shorten(v))
	}
	return err
}

// match reports whether a module is one of them.
func (m *modules) match(module string) bool {
	if m.pattern != nil {
		return m.pattern.MatchString(module)
	}
	return m.all || slices.ContainsFunc(m.ends, func(end string) bool {
		return module == end || strings.HasSuffix(module, "."+end)
	})
}

// A compiler compiles a regular expression as Python writes them.
type compiler func(string) (*regexp.Regexp, error)

// Bounds of the regular expressions of an adapter: the bytes of one, and the nodes of all, each of
// which takes some four hundred bytes.
const (
	maxPattern = 2 << 10
	maxNodes   = 1 << 16
)

// compile is a compiler that refuses what takes more memory than a file of names may ask for.
func (c *Config) compile(s string) (*regexp.Regexp, error) {
	if len(s) > maxPattern {
		return nil, fmt.Errorf("a regular expression of %d bytes, more than %d; write a list of names", len(s),
			maxPattern)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%w; write a list of names", err)
	}
	if c.nodes += nodes(tree); c.nodes > maxNodes {
		return nil, fmt.Errorf("regular expressions of more than %d parts; write fewer and shorter ones", maxNodes)
	}
	return regexp.Compile(s)
}

// nodes returns the size of a regular expression with its repeats written out.
func nodes(e *syntax.Regexp) int {
	n := 1 + len(e.Rune)
	for _, sub := range e.Sub {
		n += nodes(sub)
	}
	if e.Op == syntax.OpRepeat {
		n *= max(e.Min, e.Max, 1)
	}
	return n
}

// patterns are numbers by regular expressions for the ends of modules' names; the first that fits counts.
type patterns []struct {
	name  *regexp.Regexp
	value float64
}

// read reads an object of numbers between two limits.
func (p *patterns) read(v json.RawMessage, compile compiler, least, most float64, whole bool) error {
	if empty(v) {
		return nil
	}
	keys, err := object(v)
	if err != nil {
		return fmt.Errorf("it is %s; it must be an object", shorten(v))
	}
	for _, k := range keys {
		var n float64
		if err := number(k.value, &n); err != nil || n < least || n > most || whole && n != math.Trunc(n) {
			return fmt.Errorf("%q is %s; it must be a number between %g and %g", k.name, shorten(k.value), least, most)
		}
		name, err := compile(`^(?:.*\.)?(?:` + k.name + `)$`)
		if err != nil {
			return err
		}
		*p = append(*p, struct {
			name  *regexp.Regexp
			value float64
		}{name, n})
	}
	return nil
}

// of returns the number of a module, if there is one.
func (p patterns) of(module string) (float64, bool) {
	for _, e := range p {
		if e.name.MatchString(module) {
			return e.value, true
		}
	}
	return 0, false
}
