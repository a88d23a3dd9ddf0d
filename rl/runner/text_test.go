package runner

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	modelgguf "spell/model/gguf"
	"spell/tensor/gguf"
	"spell/tokenizer"
)

// smallFile writes a GGUF file of a learned tokenizer alone, edited, and returns its path.
func smallFile(t testing.TB, edit func(map[string]any)) string {
	t.Helper()
	tok, err := tokenizer.Train(slices.Values([]string{"the ferry leaves at nine, the ferry"}),
		tokenizer.TrainOptions{VocabSize: 262, Special: []string{"<|end|>"}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tok.Lists(264)
	if err != nil {
		t.Fatal(err)
	}
	v := modelgguf.Vocabulary{Kind: modelgguf.Bytes, Pre: l.Pre, Tokens: l.Tokens, Merges: l.Merges,
		Special:   modelgguf.Special{BOS: -1, EOS: 0, Unknown: -1, Padding: -1},
		Templates: map[string]string{"": "{{ messages[0].content }}"}}
	for _, k := range l.Types {
		v.Types = append(v.Types, int(k))
	}
	values := map[string]any{}
	for _, p := range v.Pairs() {
		values[p.Name] = p.Value
	}
	edit(values)
	var pairs []gguf.Pair
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, gguf.Pair{Name: name, Value: values[name]})
	}
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := gguf.Write(path, pairs, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFileText reads the text side of GGUF files, and wants a sentence that names file and value for those
// that are damaged or of another kind.
func TestFileText(t *testing.T) {
	const g = "tokenizer.ggml."
	set := func(name string, value any) func(map[string]any) {
		return func(v map[string]any) { v[g+name] = value }
	}
	for name, c := range map[string]struct {
		want string
		edit func(map[string]any)
	}{
		"whole":               {"", func(map[string]any) {}},
		"no types":            {"", func(v map[string]any) { delete(v, g+"token_type") }},
		"another kind":        {`"bert", a kind of tokenizer that is not supported`, set("model", "bert")},
		"pre-tokenizer":       {`pre-tokenizer "tekken" is not supported`, set("pre", "tekken")},
		"no tokens":           {"there are no " + g + "tokens", func(v map[string]any) { delete(v, g+"tokens") }},
		"tokens are numbers":  {g + "tokens is a list of", set("tokens", []int{1, 2})},
		"too few types":       {g + "token_type has 2 entries for 264 tokens", set("token_type", []int{1, 1})},
		"a type of its own":   {"type 9", set("token_type", slices.Repeat([]int{9}, 264))},
		"end out of range":    {"", set("eos_token_id", 264)},
		"no pre-tokenizer":    {"tokenizer.ggml.pre is missing", func(v map[string]any) { delete(v, g+"pre") }},
		"another's name":      {"", set("pre", "mellum")},
		"padding is no id":    {g + "padding_token_id is a string", set("padding_token_id", "x")},
		"merge of no tokens":  {`names the token "zq"`, set("merges", []string{"zq zq"})},
		"merge of one":        {`not "left right"`, set("merges", []string{"a"})},
		"SentencePiece":       {"0 scores for 264 tokens", set("model", "llama")},
		"too few scores":      {g + "scores has 1 entries", set("scores", []float64{1})},
		"two tokens alike":    {"are both", set("tokens", slices.Repeat([]string{"a"}, 264))},
		"template is damaged": {"chat template", func(v map[string]any) { v["tokenizer.chat_template"] = "{% if" }},
	} {
		path := smallFile(t, c.edit)
		text, err := OpenText(path, 264)
		if err == nil {
			_, err = text.Choose("")
		}
		switch {
		case c.want == "" && (err != nil || text.Tok.Decode(text.Tok.Encode("the ferry")) != "the ferry"):
			t.Errorf("%s: %v", name, err)
		case c.want == "":
		case err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path):
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if text, err := OpenText(smallFile(t, set("model", "no_vocab")), 264); text != nil || err != nil {
		t.Errorf("a file without a tokenizer: %v, %v", text, err)
	}
	if _, err := OpenText(smallFile(t, func(map[string]any) {}), 200); err == nil ||
		!strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("more tokens than the model has: %v", err)
	}
}

// TestBeyond: added tokens that a model has no rows for are left out, unless a template writes them, and a
// folder whose tokenizer is of another format is told how to make one of it.
func TestBeyond(t *testing.T) {
	tok, err := fakeTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	n := tok.VocabSize()
	for name, c := range map[string]struct{ config, want string }{
		"no template":       {`{"pad_token": "<pad>"}`, ""},
		"another's token":   {`{"pad_token": "<pad>", "chat_template": "{{ messages[0].content }}<|end|>"}`, ""},
		"the token":         {`{"chat_template": "{{ messages[0].content }}<pad>"}`, `writes "<pad>", whose id is`},
		"the token by name": {`{"pad_token": "<pad>", "chat_template": "{{ messages[0].content ~ pad_token }}"}`, `writes "<pad>"`},
	} {
		dir := t.TempDir()
		if err := tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"tokenizer_config.json": c.config,
			"added_tokens.json": `{"<pad>": ` + strconv.Itoa(n) + `}`} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		text, err := OpenText(dir, n)
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), dir)):
			t.Errorf("%s: %v; want %q", name, err, c.want)
		case c.want == "" && (err != nil || text.Tok.VocabSize() != n):
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.model"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokenizer(dir); err == nil || !strings.Contains(err.Error(), "its tokenizer.model is not read") {
		t.Errorf("a lone tokenizer.model: %v", err)
	}
}

// FuzzFileText wants an error or a tokenizer that takes a text, and no panic.
func FuzzFileText(f *testing.F) {
	raw, err := os.ReadFile(smallFile(f, func(map[string]any) {}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0), len(raw))
	f.Add(200, byte(255), len(raw)-9)
	path := filepath.Join(f.TempDir(), "fuzzed.gguf")
	f.Fuzz(func(t *testing.T, at int, with byte, size int) {
		data := slices.Clone(raw[:min(max(0, size), len(raw))])
		if at >= 0 && at < len(data) {
			data[at] = with
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if text, err := OpenText(path, 0); err == nil && text != nil {
			text.Tok.Encode("the ferry")
		}
	})
}
