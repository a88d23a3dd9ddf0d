package runner

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"spell/tokenizer/chat"
)

// TestEndTokens joins the end tokens of a configuration with that of tokenizer_config.json.
func TestEndTokens(t *testing.T) {
	for _, c := range []struct {
		name, file string // of tokenizer_config.json; none if empty
		configured []int32
		want       []int32
	}{
		{"no file", "", []int32{7}, []int32{7}},
		{"another token", `{"eos_token": "<|end|>"}`, []int32{7}, []int32{7, 256}},
		{"as an object", `{"eos_token": {"content": "<|end|>", "lstrip": false}}`, []int32{7}, []int32{7, 256}},
		{"after a byte order mark", "\ufeff" + `{"eos_token": "<|end|>", "model_max_length": Infinity}`, nil, []int32{256}},
		{"the same token", `{"eos_token": "<|end|>"}`, []int32{256, 7}, []int32{256, 7}},
		{"a token that the tokenizer lacks", `{"eos_token": "</s>"}`, []int32{7}, []int32{7}},
		{"null", `{"eos_token": null}`, []int32{7}, []int32{7}},
		{"none named", `{}`, nil, nil},
		{"of the template", `{"chat_template": ` + turns(`{{ m.content }} <|end|>\n`) + `}`, []int32{7}, []int32{7, 256}},
		{"of a template that tells the date",
			`{"chat_template": ` + turns(`{{ m.content }}<|end|>{{ strftime_now('%Y') }}`) + `}`, []int32{7}, []int32{7, 256}},
		{"text behind a reply", `{"chat_template": ` + turns(`{{ m.content }}.<|end|>`) + `}`, []int32{7}, []int32{7}},
		{"nothing behind a reply", `{"chat_template": ` + turns(`<|end|>{{ m.content }}`) + `}`, []int32{7}, []int32{7}},
		{"no replies", `{"chat_template": "{{ messages[0].content }}<|end|>"}`, []int32{7}, []int32{7}},
		{"a template that cannot be read", `{"chat_template": "{% if"}`, []int32{7}, []int32{7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			tok, err := fakeTokenizer()
			if err != nil {
				t.Fatal(err)
			}
			if err := tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
				t.Fatal(err)
			}
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(c.file), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			text, err := chat.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			before := slices.Clone(c.configured)
			if got := EndTokens(c.configured, text); !slices.Equal(got, c.want) {
				t.Errorf("end tokens %v, want %v", got, c.want)
			}
			if !slices.Equal(c.configured, before) {
				t.Errorf("the configured ones became %v", c.configured)
			}
		})
	}
	if got := EndTokens([]int32{7}, nil); !slices.Equal(got, []int32{7}) {
		t.Errorf("without a tokenizer: %v", got)
	}
}

// turns is a chat template that repeats the same for all messages, as JSON.
func turns(each string) string {
	return `"{% for m in messages %}` + each + `{% endfor %}"`
}
