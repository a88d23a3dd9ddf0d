package chat

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
)

// ends are what tokenizer_config.json says of the tokens around a text of its own.
type ends struct {
	class    string // tokenizer_class
	bos, eos bool   // add_bos_token and add_eos_token
}

// llamaClasses are the classes that make a post_processor of these.
var llamaClasses = []string{"LlamaTokenizer", "LlamaTokenizerFast"}

// readEnds reads them, with the values that Llama's class has for absent fields.
func (f fields) readEnds() (e ends, err error) {
	e.bos = true
	for _, v := range []struct {
		name, what string
		to         any
	}{
		{"tokenizer_class", "a text", &e.class},
		{"add_bos_token", "true or false", &e.bos},
		{"add_eos_token", "true or false", &e.eos},
	} {
		if field := f.values[v.name]; !isNull(field) && json.Unmarshal(field, v.to) != nil {
			return e, fmt.Errorf("reading %s: %s must be %s", f.path, v.name, v.what)
		}
	}
	return e, nil
}

// Notes returns a sentence if the tokens that go around a text of its own depend on who reads the
// folder. The post_processor of tokenizer.json says which do, here as in the tokenizers library and
// in version 5 of transformers. Version 4 makes another for its class LlamaTokenizerFast, of
// tokenizer_config.json. Chat templates write theirs themselves.
func (d *Dialog) Notes() []string {
	if d == nil || d.side == nil || !slices.Contains(llamaClasses, d.side.ends.class) {
		return nil
	}
	asked := func(add bool, name string) []int32 {
		text, _ := d.side.variables[name].(string)
		if id, ok := d.Tok.TokenID(text); ok && add {
			return []int32{id}
		}
		return nil
	}
	before, after := asked(d.side.ends.bos, "bos_token"), asked(d.side.ends.eos, "eos_token")
	if slices.Equal(before, d.Tok.Begin()) && slices.Equal(after, d.Tok.End()) {
		return nil
	}
	return []string{fmt.Sprintf("tokenizer.json puts %s before a text and %s behind it, and so does this program; "+
		"version 4 of transformers takes %s and %s, by add_bos_token and add_eos_token of %s",
		d.named(d.Tok.Begin()), d.named(d.Tok.End()), d.named(before), d.named(after),
		filepath.Join(d.side.dir, "tokenizer_config.json"))}
}

// named returns tokens for a sentence.
func (d *Dialog) named(ids []int32) string {
	if len(ids) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%q", d.Tok.Decode(ids))
}
