package chat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"spell/tokenizer"
)

// New returns the text side of a model that comes in no folder, such as that of a GGUF file, which
// errors call name. templates are the sources of chat templates by name, the main one "default";
// special are the texts of special tokens by the names that templates have for them, such as
// bos_token. Save writes all of it as a folder's files.
func New(name string, tok *tokenizer.Tokenizer, templates, special map[string]string) (*Dialog, error) {
	s := &side{dir: name, sources: map[string]source{}, variables: map[string]value{}, eos: special["eos_token"]}
	for key, text := range templates {
		s.sources[key] = source{name + " (chat template " + key + ")", text}
	}
	for key, text := range special {
		if !strings.HasSuffix(key, "_token") {
			return nil, fmt.Errorf("reading %s: the special token %q has a name that does not end in _token", name, key)
		}
		if text != "" {
			s.variables[key] = text
		}
	}
	s.special = specialOf(s.variables)
	d := &Dialog{side: s}
	var err error
	if d.Tok, err = s.extend(tok); err != nil {
		return nil, err
	}
	d.Template, _ = s.template("")
	d.files, err = configFile(templates, special)
	return d, err
}

// configFile returns tokenizer_config.json with templates and special tokens.
func configFile(templates, special map[string]string) (map[string][]byte, error) {
	config := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false}
	for name, text := range special {
		config[name] = text
	}
	if text, ok := templates[fallback]; ok && len(templates) == 1 {
		config["chat_template"] = text
	} else if len(templates) > 0 {
		var all []map[string]string
		for _, name := range slices.Sorted(maps.Keys(templates)) {
			all = append(all, map[string]string{"name": name, "template": templates[name]})
		}
		config["chat_template"] = all
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"tokenizer_config.json": append(data, '\n')}, nil
}
