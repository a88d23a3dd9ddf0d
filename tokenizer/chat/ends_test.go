package chat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnds: where version 4 of transformers puts other tokens around a text than tokenizer.json
// says, a note says so, and what is put there stays that of tokenizer.json.
func TestEnds(t *testing.T) {
	process := func(single string) string {
		return `"post_processor": {"type": "TemplateProcessing", "single": [` + single + `{"Sequence": {"id": "A"}}],
			"special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [256], "tokens": ["<|im_start|>"]}}}`
	}
	none, first := process(""), process(`{"SpecialToken": {"id": "<|im_start|>"}}, `)
	const names = `"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"`
	for _, c := range []struct {
		name, post, config string
		want               string // part of the note; empty: none
	}{
		{"agrees", first, `"tokenizer_class": "LlamaTokenizer", "add_bos_token": true, ` + names, ""},
		{"by default", first, `"tokenizer_class": "LlamaTokenizerFast", ` + names, ""},
		{"another class", none, `"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": true, ` + names, ""},
		{"no file", none, "", ""},
		{"missing", none, `"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, ` + names,
			`puts nothing before a text and nothing behind it, and so does this program; version 4 of transformers ` +
				`takes "<|im_start|>" and nothing`},
		{"too much", first, `"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, ` + names,
			`puts "<|im_start|>" before`},
		{"an end", first, `"tokenizer_class": "LlamaTokenizer", "add_eos_token": true, ` + names,
			`takes "<|im_start|>" and "<|im_end|>"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, "")
			path := filepath.Join(dir, "tokenizer.json")
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(raw), `"post_processor": null`, c.post, 1)
			if text == string(raw) {
				t.Fatal("the tokenizer has a post_processor")
			}
			files := map[string]string{path: text}
			if c.config != "" {
				files[filepath.Join(dir, "tokenizer_config.json")] = "{" + c.config + "}"
			}
			for path, text := range files {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			d, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(d.Notes(), "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("the note is %q, want %q", got, c.want)
			}
			if begin := d.Tok.Begin(); len(begin) != strings.Count(c.post, "SpecialToken\"") {
				t.Errorf("a text begins with %v", begin)
			}
		})
	}
}
