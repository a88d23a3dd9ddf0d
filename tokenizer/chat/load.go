package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNoTemplate says that a model's folder has no chat template: its prompts are plain text.
var ErrNoTemplate = errors.New("the model has no chat template")

// maxConfig bounds the size of tokenizer_config.json. Those with
// thousands of added tokens stay below 2 MiB.
const maxConfig = 64 << 20

// textTokens are the special tokens that transformers passes to templates.
var textTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// Load reads the chat template of the model in a folder: from chat_template.jinja, or else from the
// chat_template of tokenizer_config.json, which is one template or a list of named ones. Of these
// it takes "default", and if tools are given it renders the one named tool_use, also from
// additional_chat_templates/tool_use.jinja. The special tokens are those of tokenizer_config.json.
// The error is [ErrNoTemplate] if the folder has no template.
func Load(dir string) (*Template, error) {
	path := filepath.Join(dir, "tokenizer_config.json")
	data, err := readFile(path, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	config := map[string]json.RawMessage{}
	if err == nil {
		if err := json.Unmarshal(data, &config); err != nil {
			return nil, fmt.Errorf("reading %s: %w: the file must be a JSON object", path, err)
		}
	}
	sources, err := readSources(dir, path, config["chat_template"])
	if err != nil {
		return nil, err
	}
	main, ok := sources["default"]
	if !ok {
		return nil, fmt.Errorf("reading %s: %w", dir, ErrNoTemplate)
	}
	t, err := Parse(main.name, main.text)
	if err != nil {
		return nil, err
	}
	if t.tokens, err = readTokens(path, config); err != nil {
		return nil, err
	}
	if tools, ok := sources["tool_use"]; ok {
		if t.tools, err = Parse(tools.name, tools.text); err != nil {
			return nil, err
		}
		t.tools.tokens = t.tokens
	}
	return t, nil
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unwrapPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, unwrapPath(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the file is longer than %d bytes", limit)
	}
	return data, nil
}

// unwrapPath drops the path from an error whose sentence names it already.
func unwrapPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// source is the text of a template and the name that errors call it.
type source struct{ name, text string }

// readSources gathers the templates of a model by name. Files go before the configuration.
func readSources(dir, configPath string, field json.RawMessage) (map[string]source, error) {
	sources, err := configSources(configPath, field)
	if err != nil {
		return nil, err
	}
	for name, path := range map[string]string{
		"default":  filepath.Join(dir, "chat_template.jinja"),
		"tool_use": filepath.Join(dir, "additional_chat_templates", "tool_use.jinja"),
	} {
		text, err := readFile(path, MaxSource)
		switch {
		case err == nil:
			sources[name] = source{path, string(text)}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return sources, nil
}

// configSources reads the field chat_template: one template, or a list of {name, template}.
func configSources(path string, field json.RawMessage) (map[string]source, error) {
	sources := map[string]source{}
	if isNull(field) {
		return sources, nil
	}
	var one string
	if json.Unmarshal(field, &one) == nil {
		sources["default"] = source{path, one}
		return sources, nil
	}
	var several []struct{ Name, Template *string }
	if err := json.Unmarshal(field, &several); err != nil {
		return nil, fmt.Errorf(
			"reading %s: chat_template must be a string or a list of objects with name and template",
			path)
	}
	for i, s := range several {
		if s.Name == nil || s.Template == nil {
			return nil, fmt.Errorf("reading %s: entry %d of chat_template must have a name and a template", path, i)
		}
		sources[*s.Name] = source{path + " (" + *s.Name + ")", *s.Template}
	}
	return sources, nil
}

func isNull(field json.RawMessage) bool {
	return len(field) == 0 || bytes.Equal(field, []byte("null"))
}

// readTokens reads the special tokens that the configuration names.
// It leaves out empty ones, as transformers does.
func readTokens(path string, config map[string]json.RawMessage) (map[string]value, error) {
	tokens := map[string]value{}
	for _, name := range textTokens {
		text, err := readToken(config[name])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %s %w", path, name, err)
		}
		if text != "" {
			tokens[name] = text
		}
	}
	const several = "additional_special_tokens"
	if isNull(config[several]) {
		return tokens, nil
	}
	var fields []json.RawMessage
	if err := json.Unmarshal(config[several], &fields); err != nil {
		return nil, fmt.Errorf("reading %s: %s must be a list", path, several)
	}
	var items list
	for _, field := range fields {
		text, err := readToken(field)
		if err != nil {
			return nil, fmt.Errorf("reading %s: an entry of %s %w", path, several, err)
		}
		items = append(items, text)
	}
	if len(items) > 0 {
		tokens[several] = items
	}
	return tokens, nil
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
