package chat

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withFiles is a folder with a small tokenizer, whose tokens are 256 bytes, words up to 267 and
// <|im_start|> and <|im_end|> behind them, and other files.
func withFiles(t *testing.T, files map[string]string) string {
	dir := folder(t, "")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSideTokens: what the files beside tokenizer.json add to the vocabulary, and which of them has
// the last word. After Save the tokens have the same ids without these files.
func TestSideTokens(t *testing.T) {
	const (
		config  = "tokenizer_config.json"
		special = "special_tokens_map.json"
		added   = "added_tokens.json"
	)
	plain, err := Open(folder(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	size := int32(plain.Tok.VocabSize()) // 263
	start, _ := plain.Tok.Special("<|im_start|>")
	the, _ := plain.Tok.TokenID("a")
	for name, c := range map[string]struct {
		files   map[string]string
		text    string // read as template text
		want    []int32
		shield  string // read as a user's words: the special tokens among these are text
		special bool   // whether the token is special
	}{
		"decoder adds": {map[string]string{config: `{"added_tokens_decoder":{"300":{"content":"<x>","special":true}}}`},
			"<x>", []int32{300}, "", true},
		"decoder adds a word": {map[string]string{config: `{"added_tokens_decoder":{"300":{"content":"<x>"}}}`},
			"<x>", []int32{300}, "", false},
		"decoder names another id": {map[string]string{config: `{"added_tokens_decoder":{"5":{"content":"<|im_start|>","special":true}}}`},
			"<|im_start|>", []int32{start}, "", true},
		"decoder changes flags": {map[string]string{config: `{"added_tokens_decoder":{"5":{"content":"<|im_start|>"}}}`},
			"<|im_start|>", []int32{start}, "", false},
		"decoder hides the files": {map[string]string{config: `{"added_tokens_decoder":{}}`, added: `{"<x>":300}`, special: `{"eos_token":"a"}`},
			"a", []int32{the}, "", false},
		"added_tokens.json": {map[string]string{added: `{"<x>":301,"<y>":300}`},
			"<y>", []int32{300}, "", false},
		"added and named": {map[string]string{added: `{"<x>":301}`, special: `{"pad_token":"<x>"}`},
			"<x>", []int32{301}, "", true},
		"tokenizer.json first": {map[string]string{added: `{"<|im_start|>":7}`},
			"<|im_start|>", []int32{start}, "", true},
		"a word is named": {map[string]string{config: `{"eos_token":"a"}`},
			"a", []int32{the}, "", true},
		"in a list": {map[string]string{special: `{"additional_special_tokens":["a"]}`},
			"a", []int32{the}, "", true},
		"an unknown name": {map[string]string{config: `{"pad_token":"[PAD]"}`},
			"[", plain.Tok.Encode("["), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Open(withFiles(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			to := t.TempDir()
			if err := d.Save(to); err != nil {
				t.Fatal(err)
			}
			for name := range c.files {
				if _, err := os.Stat(filepath.Join(to, name)); err != nil {
					t.Error(err)
				}
				os.Remove(filepath.Join(to, name))
			}
			saved, err := Open(to)
			if err != nil {
				t.Fatal(err)
			}
			for what, d := range map[string]*Dialog{"read": d, "saved": saved} {
				if got := d.Tok.EncodeSpecial(c.text); !slices.Equal(got, c.want) {
					t.Errorf("%s: %q encodes to %v, want %v", what, c.text, got, c.want)
				}
				hidden := !slices.Equal(d.Tok.EncodeShielded(d.Tok.Shield(c.text)), c.want) ||
					d.Tok.DecodeSkipSpecial(c.want) == ""
				if hidden != c.special {
					t.Errorf("%s: %q is special: %t, want %t", what, c.text, hidden, c.special)
				}
			}
			if c.want[0] < size && !slices.Equal(d.Tok.Encode("hello <|"), plain.Tok.Encode("hello <|")) {
				t.Error("other text has other ids")
			}
		})
	}
}

func TestSideErrors(t *testing.T) {
	const config = "tokenizer_config.json"
	for want, files := range map[string]map[string]string{
		"the id \"x\" of added_tokens_decoder":                {config: `{"added_tokens_decoder":{"x":{"content":"<x>"}}}`},
		"the id \"-1\" of added_tokens_decoder":               {config: `{"added_tokens_decoder":{"-1":{"content":"<x>"}}}`},
		"the id \"99999999999\"":                              {config: `{"added_tokens_decoder":{"99999999999":{"content":"<x>"}}}`},
		"token 300 of added_tokens_decoder must be an object": {config: `{"added_tokens_decoder":{"300":"<x>"}}`},
		"must be an object of ids and tokens":                 {config: `{"added_tokens_decoder":[]}`},
		`added token "<x>" has the id 2000000000`:             {config: `{"added_tokens_decoder":{"2000000000":{"content":"<x>"}}}`},
		`added token "<x>" has the id 5, which is that of`:    {config: `{"added_tokens_decoder":{"5":{"content":"<x>"}}}`},
		`token "<x>" has the id "5"`:                          {"added_tokens.json": `{"<x>":"5"}`},
		`token "<x>" has the id -5`:                           {"added_tokens.json": `{"<x>":-5}`},
		"added_tokens.json: ":                                 {"added_tokens.json": `[]`},
		"special_tokens_map.json: bos_token must be":          {"special_tokens_map.json": `{"bos_token":5}`},
		"tool of extra_special_tokens must be":                {config: `{"extra_special_tokens":{"tool":5}}`},
	} {
		dir := withFiles(t, files)
		name := slices.Collect(maps.Keys(files))[0]
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), "reading "+filepath.Join(dir, name)) {
			t.Errorf("error %v, want one of %s with %q", err, name, want)
		}
	}
}

// TestEnd: the token that ends a turn by the side files.
func TestEnd(t *testing.T) {
	for _, c := range []struct {
		config, special string
		want            string
	}{
		{`{}`, `{}`, ""},
		{`{"eos_token":"<|im_end|>"}`, `{}`, "<|im_end|>"},
		{`{"eos_token":{"content":"<|im_end|>"}}`, `{}`, "<|im_end|>"},
		{`{"eos_token":"<|im_start|>"}`, `{"eos_token":"<|im_end|>"}`, "<|im_end|>"},
		{`{"eos_token":"a"}`, `{}`, "a"},
		{`{"eos_token":"</s>"}`, `{}`, ""},
		{`{"eos_token":null}`, `{}`, ""},
	} {
		files := map[string]string{"tokenizer_config.json": c.config, "special_tokens_map.json": c.special}
		d, err := Open(withFiles(t, files))
		if err != nil {
			t.Fatal(err)
		}
		id, ok := d.End()
		if ok != (c.want != "") || ok && d.Tok.Decode([]int32{id}) != c.want {
			t.Errorf("%s, %s: end %d, %t, want %q", c.config, c.special, id, ok, c.want)
		}
	}
	if _, ok := (&Dialog{}).End(); ok {
		t.Error("a dialog without files has an end")
	}
}

// TestChoose: of several templates one is taken by name, and none without one.
func TestChoose(t *testing.T) {
	const two = `{"chat_template":[{"name":"a","template":"A{{ messages[0].content }}"},` +
		`{"name":"b","template":"B{{ messages[0].content }}"}]}`
	for _, c := range []struct {
		files      map[string]string
		name, want string
		err        string
	}{
		{map[string]string{"tokenizer_config.json": two}, "", "", "choose a or b"},
		{map[string]string{"tokenizer_config.json": two}, "b", "Bhi", ""},
		{map[string]string{"tokenizer_config.json": two}, "c", "", `no chat template named "c": choose a or b`},
		{map[string]string{"tokenizer_config.json": two, "chat_template.jinja": "D{{ messages[0].content }}"}, "", "Dhi", ""},
		{map[string]string{"tokenizer_config.json": two, "additional_chat_templates/c.jinja": "C{{ messages[0].content }}"}, "c", "Chi", ""},
		{map[string]string{"chat_template.jinja": "{% if"}, "", "", "chat_template.jinja: line 1"},
		{nil, "", "hi", ""},
		{nil, "a", "", ErrNoTemplate.Error()},
	} {
		d, err := Open(withFiles(t, c.files))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.User("hi"); c.name == "" && c.err != "" && err == nil {
			t.Errorf("%v: a prompt without a choice: %v", c.files, err)
		}
		chosen, err := d.Choose(c.name)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, %q: error %v, want %q", c.files, c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := chosen.Prompt("hi"); err != nil || got != c.want {
			t.Errorf("%v, %q: %q, %v, want %q", c.files, c.name, got, err, c.want)
		}
	}
}

// TestParts: the user's words reach the prompt whether the template takes them as a text or in
// parts; if it takes them in neither form that is an error.
func TestParts(t *testing.T) {
	const parts = "{% for p in messages[0].content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}."
	for template, want := range map[string]string{
		"{{ messages[0].content }}.":         "hi there.",
		"{{ messages[0].content | upper }}.": "HI THERE.",
		parts:                                "hi there.",
		"{% if messages[0].content is string %}S{% endif %}" + parts:                                                        "hi there.",
		"{{ messages[0].content[0].text }}.":                                                                                "hi there.",
		"{% if messages[0].content is not string %}{{ raise_exception('text only') }}{% endif %}{{ messages[0].content }}.": "hi there.",
		"{{ documents }}": "",
		".":               "",
	} {
		d, err := Open(folder(t, template))
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range [][]string{{"hi there"}, {"hi ", "there"}} {
			ids, err := d.User(user...)
			if want == "" {
				if err == nil || !strings.Contains(err.Error(), "not in the prompt exactly once, neither as text") {
					t.Errorf("%s: error %v", template, err)
				}
				continue
			}
			if got := d.Tok.Decode(slices.Concat(ids...)); err != nil || got != want {
				t.Errorf("%s: %q, %v, want %q", template, got, err, want)
			}
		}
	}
}
