package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/tensor/atomicfile"
)

// ErrNoTemplate says that a model's folder has no chat template: its prompts are plain text.
var ErrNoTemplate = errors.New("the model has no chat template")

// ErrChoice says that a model has several chat templates, none of which is the default.
var ErrChoice = errors.New("none of the model's chat templates is the default")

// fallback is the name of the template that renders if no other is asked for, withTools of that
// which then renders if tools are given.
const (
	fallback  = "default"
	withTools = "tool_use"
)

// moreTemplates is the folder of templates beside chat_template.jinja.
const moreTemplates = "additional_chat_templates"

// Load reads the chat template of the model in a folder: from chat_template.jinja, or else from the
// chat_template of tokenizer_config.json, which is one template or a list of named ones; more named
// ones lie in additional_chat_templates. Of these it takes "default", and if tools are given it
// renders the one named tool_use. The special tokens are those of the folder's side files. The error
// is [ErrNoTemplate] if the folder has no template, [ErrChoice] if it has none named "default".
func Load(dir string) (*Template, error) {
	s, err := readSide(dir)
	if err != nil {
		return nil, err
	}
	return s.template("")
}

// template returns the template of a name, the default if name is empty.
func (s *side) template(name string) (*Template, error) {
	names := slices.Sorted(maps.Keys(s.sources))
	if len(names) == 0 {
		return nil, fmt.Errorf("reading %s: %w", s.dir, ErrNoTemplate)
	}
	main, ok := s.sources[name]
	if name == "" {
		main, ok = s.sources[fallback]
	}
	switch {
	case !ok && name == "":
		return nil, fmt.Errorf("reading %s: %w: choose %s, by --template NAME or, to train, --set template=NAME",
			s.dir, ErrChoice, strings.Join(names, " or "))
	case !ok:
		return nil, fmt.Errorf("reading %s: the model has no chat template named %q: choose %s",
			s.dir, name, strings.Join(names, " or "))
	}
	t, err := s.parse(main)
	if err != nil {
		return nil, err
	}
	if tools, ok := s.sources[withTools]; ok && name == "" {
		if t.tools, err = s.parse(tools); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (s *side) parse(from source) (*Template, error) {
	t, err := Parse(from.name, from.text)
	if err != nil {
		return nil, err
	}
	t.tokens = s.variables
	t.probe()
	return t, nil
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, atomicfile.Cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, atomicfile.Cause(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the file is longer than %d bytes", limit)
	}
	return data, nil
}

// source is the text of a template and the name that errors call it.
type source struct{ name, text string }

// readSources gathers the templates of a model by name. Files go before the configuration.
func readSources(dir, configPath string, field json.RawMessage) (map[string]source, error) {
	sources, err := configSources(configPath, field)
	if err != nil {
		return nil, err
	}
	files, err := templateFiles(dir)
	if err != nil {
		return nil, err
	}
	for name, path := range files {
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

// templateFiles returns the paths of template files by the names of the templates.
func templateFiles(dir string) (map[string]string, error) {
	files := map[string]string{fallback: filepath.Join(dir, "chat_template.jinja")}
	more := filepath.Join(dir, moreTemplates)
	entries, err := os.ReadDir(more)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", more, atomicfile.Cause(err))
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".jinja"); ok && name != "" {
			files[name] = filepath.Join(more, e.Name())
		}
	}
	return files, nil
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
