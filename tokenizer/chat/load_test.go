package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/tensor/fixture"
)

// TestLoadPublished reads the configurations of published models and renders one message.
func TestLoadPublished(t *testing.T) {
	for name, want := range map[string]string{
		"qwen3":    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
		"llama3_1": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := Load(fixture.Path(t, "tokenizers/"+name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := tmpl.Render(Context{
				Messages:            []Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Hi"}},
				AddGenerationPrompt: true,
			})
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	if _, err := Load(fixture.Path(t, "tokenizers/gpt2")); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("gpt2 has no template: %v", err)
	}
}

// TestLoad writes small model folders. Each want is what "{{ … }}"
// renders to, or a piece of the error.
func TestLoad(t *testing.T) {
	const config = "tokenizer_config.json"
	const two = `{"chat_template":[{"name":"tool_use","template":"tools {{ bos_token }}"},` +
		`{"name":"default","template":"plain {{ bos_token }}"}],"bos_token":{"content":"<b>","lstrip":false}}`
	for name, c := range map[string]struct {
		files map[string]string
		tools string
		want  string
		err   string
	}{
		"string":       {files: map[string]string{config: `{"chat_template":"{{ bos_token }}{{ eos_token }}{{ additional_special_tokens }}","bos_token":"<b>","eos_token":null,"additional_special_tokens":["x",{"content":"y"}]}`}, want: "<b>['x', 'y']"},
		"mark":         {files: map[string]string{config: "\ufeff" + `{"model_max_length":Infinity,"chat_template":"NaN"}`}, want: "NaN"},
		"list":         {files: map[string]string{config: two}, want: "plain <b>"},
		"tool use":     {files: map[string]string{config: two}, tools: "[]", want: "tools <b>"},
		"null tools":   {files: map[string]string{config: two}, tools: "null", want: "plain <b>"},
		"file first":   {files: map[string]string{config: two, "chat_template.jinja": "file {{ bos_token }}\n"}, want: "file <b>"},
		"file alone":   {files: map[string]string{"chat_template.jinja": "file {{ bos_token }}"}, want: "file "},
		"additional":   {files: map[string]string{config: two, "additional_chat_templates/tool_use.jinja": "more {{ bos_token }}"}, tools: "[1]", want: "more <b>"},
		"none":         {files: map[string]string{config: `{"chat_template":null}`}, err: ErrNoTemplate.Error()},
		"empty folder": {err: ErrNoTemplate.Error()},
		"no default":   {files: map[string]string{config: `{"chat_template":[{"name":"rag","template":""},{"name":"chatml","template":""}]}`}, err: ErrChoice.Error() + ": choose chatml or rag, by --template NAME"},
		"one name":     {files: map[string]string{"additional_chat_templates/rag.jinja": ""}, err: ErrChoice.Error() + ": choose rag, by --template NAME"},
		"token names":  {files: map[string]string{config: `{"chat_template":"{{ tool_token }}{{ image_token }}{{ pad_token }}","extra_special_tokens":{"tool_token":"<t>"},"image_token":{"content":"<i>"},"add_bos_token":true}`}, want: "<t><i>"},
		"special map":  {files: map[string]string{config: `{"chat_template":"{{ bos_token }}{{ eos_token }}","bos_token":"<a>","eos_token":"<e>"}`, "special_tokens_map.json": `{"bos_token":{"content":"<b>"}}`}, want: "<b><e>"},
		"map not read": {files: map[string]string{config: `{"chat_template":"{{ bos_token }}","added_tokens_decoder":{}}`, "special_tokens_map.json": `{"bos_token":"<b>"}`}, want: ""},
		"byte order":   {files: map[string]string{config: "\ufeff" + two}, want: "plain <b>"},
		"truncated":    {files: map[string]string{config: `{"chat_template":"{{ bos_to`}, err: "tokenizer_config.json: unexpected end of JSON input"},
		"array":        {files: map[string]string{config: `[]`}, err: "must be a JSON object"},
		"number":       {files: map[string]string{config: `{"chat_template":5}`}, err: "chat_template must be a string or a list"},
		"nameless":     {files: map[string]string{config: `{"chat_template":[{"template":""}]}`}, err: "entry 0 of chat_template must have a name and a template"},
		"token number": {files: map[string]string{config: `{"chat_template":"","bos_token":5}`}, err: "bos_token must be a string or an object with content"},
		"token list":   {files: map[string]string{config: `{"chat_template":"","additional_special_tokens":5}`}, err: "additional_special_tokens must be a list"},
		"bad template": {files: map[string]string{config: `{"chat_template":"\n{% nope %}"}`}, err: `tokenizer_config.json: line 2: unknown statement "nope"`},
		"bad tool_use": {files: map[string]string{config: `{"chat_template":[{"name":"default","template":""},{"name":"tool_use","template":"{{"}]}`}, err: "(tool_use): line 1: "},
		"big file":     {files: map[string]string{"chat_template.jinja": strings.Repeat("x", MaxSource+1)}, err: "longer than"},
		"a folder":     {files: map[string]string{"chat_template.jinja/x": ""}, err: "chat_template.jinja: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			tmpl, err := Load(dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), dir) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			context := Context{}
			if c.tools != "" {
				context.Tools = json.RawMessage(c.tools)
			}
			if got, err := tmpl.Render(context); err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}
