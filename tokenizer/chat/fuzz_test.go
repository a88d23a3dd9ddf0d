package chat

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/tensor/fixture"
)

// FuzzParse parses any source and renders what parses within small
// bounds. Neither may panic, and the text keeps to its bound.
func FuzzParse(f *testing.F) {
	for _, c := range readJinjaCases(f).Cases {
		f.Add(c.Template)
	}
	templates := map[string]string{}
	var own rendered
	readTestdata(f, "templates.json", &own)
	maps.Copy(templates, own.Templates)
	if _, ok := fixture.Find("tokenizers/chat_templates.json"); ok {
		maps.Copy(templates, publishedTemplates(f).Templates)
	}
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		f.Add(templates[name])
	}
	context := Context{
		Messages: []Message{
			{Role: "system", Content: " é\n"},
			{Role: "user", Content: "Hi <think>x</think>"},
			{JSON: json.RawMessage(`{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":[1,2.5,null,true]}}}]}`)},
		},
		Tools: json.RawMessage(`[{"type":"function","function":{"name":"f"}}]`),
		Vars: map[string]json.RawMessage{
			"a": json.RawMessage("1"), "f": json.RawMessage("2.5"), "s": json.RawMessage(`"Héllo"`), "l": json.RawMessage("[3,1,2]"),
			"d": json.RawMessage(`{"k":"v","items":5,"n":null}`), "u": json.RawMessage(`[{"name":"bo","age":3}]`),
		},
		Now: clock,
	}
	small := limits{steps: 100_000, memory: 1 << 20, output: 1 << 16, depth: 1000}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse("fuzz", source)
		if err != nil {
			return
		}
		first, err := tmpl.render(context, small)
		if int64(len(first)) > small.output {
			t.Errorf("%d bytes of output", len(first))
		}
		second, err2 := tmpl.render(context, small)
		if first != second || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Errorf("two renderings differ: %q, %v and %q, %v", first, err, second, err2)
		}
	})
}

// FuzzSide reads any side files: there is an error that names a file, or a dialog whose prompts have
// ids of the vocabulary and whose copy gives the same ones.
func FuzzSide(f *testing.F) {
	f.Add(`{"added_tokens_decoder":{"300":{"content":"<x>","special":true}},"eos_token":"<x>",`+
		`"chat_template":"<x>{{ messages[0].content }}"}`, `{}`, `{}`)
	f.Add(`{"extra_special_tokens":{"tool_token":"a"},"additional_special_tokens":[{"content":"b"}]}`,
		`{"bos_token":"<|im_end|>"}`, `{"<y>":290}`)
	f.Add(`{"chat_template":[{"name":"a","template":"{% for p in messages[0].content %}{{ p.text }}{% endfor %}"}]}`,
		`[]`, `{"<y>":-1}`)
	tok, err := os.ReadFile(filepath.Join(folder(f, ""), "tokenizer.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, config, special, added string) {
		dir, to := t.TempDir(), t.TempDir()
		for name, text := range map[string]string{"tokenizer.json": string(tok), "tokenizer_config.json": config,
			"special_tokens_map.json": special, "added_tokens.json": added} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d, err := Open(dir)
		if err != nil {
			if !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		if id, ok := d.End(); ok && (id < 0 || int(id) >= d.Tok.VocabSize()) {
			t.Fatalf("end %d of %d tokens", id, d.Tok.VocabSize())
		}
		if err := d.Save(to); err != nil {
			t.Fatal(err)
		}
		again, err := Open(to)
		if err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
		text := added + config
		if a, b := d.Tok.EncodeSpecial(text), again.Tok.EncodeSpecial(text); !slices.Equal(a, b) {
			t.Fatalf("%v, saved %v", a, b)
		}
		ids, err := d.User(added, config)
		if err != nil {
			return
		}
		for _, id := range slices.Concat(ids...) {
			if id < 0 || int(id) >= d.Tok.VocabSize() {
				t.Fatalf("id %d of %d tokens", id, d.Tok.VocabSize())
			}
		}
	})
}
