package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"spell/tensor/jsonfile"
	"spell/tensor/signature"
)

// maxConfig bounds the size of tokenizer_config.json. Those with
// thousands of added tokens stay below 2 MiB.
const maxConfig = 64 << 20

// A side is what a model's folder says of its text beside tokenizer.json.
type side struct {
	dir       string
	sources   map[string]source // templates
	variables map[string]value  // special tokens, as templates see them
	special   []string          // the special tokens, each once
	eos       string            // the token that ends a text, "" if none is named
	added     []addedToken      // tokens that side files add to the vocabulary
	ends      ends              // what goes around a text
}

// fields is a JSON object from a file.
type fields struct {
	path   string
	values map[string]json.RawMessage
}

// readFields reads a JSON object; a file that does not exist is an empty one.
func readFields(dir, name string) (fields, error) {
	f := fields{filepath.Join(dir, name), map[string]json.RawMessage{}}
	data, err := readFile(f.path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("reading %s: %w", f.path, err)
	}
	if err := json.Unmarshal(jsonfile.Standard(data), &f.values); err != nil {
		if other := signature.Check(data); other != nil {
			return f, fmt.Errorf("reading %s: %w", f.path, other)
		}
		return f, fmt.Errorf("reading %s: %w: the file must be a JSON object", f.path, err)
	}
	return f, nil
}

// readSide reads the side files as transformers does: tokenizer_config.json, and unless that lists
// the added tokens itself, special_tokens_map.json, which has the last word, and added_tokens.json.
func readSide(dir string) (*side, error) {
	config, err := readFields(dir, "tokenizer_config.json")
	if err != nil {
		return nil, err
	}
	names := []fields{config}
	s := &side{dir: dir}
	if isNull(config.values["added_tokens_decoder"]) {
		special, err := readFields(dir, "special_tokens_map.json")
		if err != nil {
			return nil, err
		}
		names = append(names, special)
		s.added, err = readAddedTokens(dir)
		if err != nil {
			return nil, err
		}
	} else if s.added, err = config.addedTokens(); err != nil {
		return nil, err
	}
	if s.sources, err = readSources(dir, config.path, config.values["chat_template"]); err != nil {
		return nil, err
	}
	if s.ends, err = config.readEnds(); err != nil {
		return nil, err
	}
	s.variables = map[string]value{}
	for _, f := range names {
		if err := s.readNames(f); err != nil {
			return nil, err
		}
	}
	if text, ok := s.variables["eos_token"].(string); ok {
		s.eos = text
	}
	s.special = specialOf(s.variables)
	return s, nil
}

// textTokens are the special tokens that transformers has a name for.
var textTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// tokenLists name lists of special tokens; the latter is an object of named ones in some files.
var tokenLists = []string{"additional_special_tokens", "extra_special_tokens"}

// readNames adds the special tokens that a file names, also those whose name only ends in _token, to
// the variables of templates. It leaves out empty ones, as transformers does.
func (s *side) readNames(f fields) error {
	for name, field := range f.values {
		text, err := readToken(field)
		switch {
		case !strings.HasSuffix(name, "_token"):
		case err != nil && slices.Contains(textTokens, name):
			return fmt.Errorf("reading %s: %s %w", f.path, name, err)
		case err == nil && text != "":
			s.variables[name] = text
		}
	}
	for _, name := range tokenLists {
		if err := s.readList(f, name); err != nil {
			return err
		}
	}
	return nil
}

// readList reads a list of special tokens, or an object of named ones.
func (s *side) readList(f fields, name string) error {
	field := f.values[name]
	if isNull(field) {
		return nil
	}
	var named map[string]json.RawMessage
	if name == "extra_special_tokens" && json.Unmarshal(field, &named) == nil {
		for key, field := range named {
			text, err := readToken(field)
			if err != nil {
				return fmt.Errorf("reading %s: %s of %s %w", f.path, key, name, err)
			}
			s.variables[key] = text
		}
		return nil
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(field, &entries); err != nil {
		return fmt.Errorf("reading %s: %s must be a list", f.path, name)
	}
	var items list
	for _, field := range entries {
		text, err := readToken(field)
		if err != nil {
			return fmt.Errorf("reading %s: an entry of %s %w", f.path, name, err)
		}
		items = append(items, text)
	}
	if len(items) > 0 {
		s.variables[name] = items
	}
	return nil
}

// specialOf returns the tokens among variables, each once and in order.
func specialOf(variables map[string]value) []string {
	all := map[string]bool{}
	for _, v := range variables {
		items, ok := v.(list)
		if !ok {
			items = list{v}
		}
		for _, item := range items {
			if text, ok := item.(string); ok && text != "" {
				all[text] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func isNull(field json.RawMessage) bool {
	return len(field) == 0 || bytes.Equal(field, []byte("null"))
}

// readToken reads a token: a string, an object whose content is the string, or null.
func readToken(field json.RawMessage) (string, error) {
	if isNull(field) {
		return "", nil
	}
	var text string
	if json.Unmarshal(field, &text) == nil {
		return text, nil
	}
	var object struct{ Content *string }
	if json.Unmarshal(field, &object) != nil || object.Content == nil {
		return "", errors.New("must be a string or an object with content")
	}
	return *object.Content, nil
}
