package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// object is JSON taken apart, to break one thing in it.
type object = map[string]any

func smallObject(tb testing.TB) object {
	tb.Helper()
	data, err := small(tb).MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		tb.Fatal(err)
	}
	return o
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestParseErrors(t *testing.T) {
	split := func(o object) object {
		return o["pre_tokenizer"].(object)["pretokenizers"].([]any)[0].(object)
	}
	byteLevel := func(o object) object {
		return o["pre_tokenizer"].(object)["pretokenizers"].([]any)[1].(object)
	}
	model := func(o object) object { return o["model"].(object) }
	vocab := func(o object) object { return model(o)["vocab"].(object) }
	added := func(o object) object { return o["added_tokens"].([]any)[0].(object) }
	setMerge := func(m any) func(object) {
		return func(o object) { model(o)["merges"].([]any)[3] = m }
	}
	for _, c := range []struct {
		name, want string
		edit       func(o object)
	}{
		{"no model", "section model is missing", func(o object) { delete(o, "model") }},
		{"unigram", `model type "Unigram"`, func(o object) { model(o)["type"] = "Unigram"; model(o)["vocab"] = []any{} }},
		{"no vocab", "model.vocab or model.merges is missing", func(o object) { delete(model(o), "vocab") }},
		{"no merges", "model.vocab or model.merges is missing", func(o object) { delete(model(o), "merges") }},
		{"vocab list", "model.vocab is not an object", func(o object) { model(o)["vocab"] = []any{"a"} }},
		{"merges object", "model.merges is not an array", func(o object) { model(o)["merges"] = object{} }},
		{"dropout", "model.dropout is 0.1", func(o object) { model(o)["dropout"] = 0.1 }},
		{"prefix", "model.continuing_subword_prefix", func(o object) { model(o)["continuing_subword_prefix"] = "##" }},
		{"suffix", "end_of_word_suffix", func(o object) { model(o)["end_of_word_suffix"] = "</w>" }},
		{"field kind", `field "model.ignore_merges" holds a string`, func(o object) { model(o)["ignore_merges"] = "yes" }},

		{"normalizer", `normalizer "NFKC"`, func(o object) { o["normalizer"] = object{"type": "NFKC"} }},
		{"no decoder", `decoder "null"`, func(o object) { o["decoder"] = nil }},
		{"decoder", `decoder "Metaspace"`, func(o object) { o["decoder"] = object{"type": "Metaspace"} }},
		{"no pre-tokenizer", `pre_tokenizer "null"`, func(o object) { delete(o, "pre_tokenizer") }},
		{"pre-tokenizer", `pre_tokenizer step "Whitespace"`, func(o object) { o["pre_tokenizer"] = object{"type": "Whitespace"} }},
		{"pre-tokenizer kind", "pre_tokenizer is not a component", func(o object) { o["pre_tokenizer"] = "ByteLevel" }},
		{"step", `step "Punctuation"`, func(o object) { split(o)["type"] = "Punctuation" }},
		{"digits", "individual_digits false", func(o object) { split(o)["type"] = "Digits" }},
		{"digits alone", "use_regex false", func(o object) { split(o)["type"], split(o)["individual_digits"] = "Digits", true }},
		{"normalizers", `normalizer "Strip"`, func(o object) {
			steps := []any{object{"type": "NFC"}, object{"type": "Strip"}}
			o["normalizer"] = object{"type": "Sequence", "normalizers": steps}
		}},
		{"steps", "no Split before it", func(o object) {
			p := o["pre_tokenizer"].(object)
			p["pretokenizers"] = p["pretokenizers"].([]any)[1:]
		}},
		{"pattern", `the pattern "\\w+"`, func(o object) { split(o)["pattern"] = object{"Regex": `\w+`} }},
		{"behavior", `behavior "Removed"`, func(o object) { split(o)["behavior"] = "Removed" }},
		{"one piece", `behavior "Contiguous" and invert true`, func(o object) {
			split(o)["behavior"], split(o)["invert"] = "Contiguous", true
		}},
		{"split twice", "would split twice", func(o object) { delete(byteLevel(o), "use_regex") }},
		{"prefix spaces", "a space before every piece", func(o object) { byteLevel(o)["add_prefix_space"] = true }},
		{"no split", "text would be one piece", func(o object) { o["pre_tokenizer"] = byteLevel(o) }},

		{"negative id", `token "a" has the id -7`, func(o object) { vocab(o)["a"] = -7 }},
		{"fraction", `token "a" has the id 1.5`, func(o object) { vocab(o)["a"] = 1.5 }},
		{"text for id", `token "a" has the id "5"`, func(o object) { vocab(o)["a"] = "5" }},
		{"vast id", `token "a" has the id 1e+30`, func(o object) { vocab(o)["a"] = 1e30 }},
		{"huge id", "an id is 4000000000, but the file has only 300 tokens", func(o object) { vocab(o)["a"] = 4000000000 }},
		{"gap", "an id is 300000, but the file has only 300 tokens", func(o object) { added(o)["id"] = 300000 }},
		{"same id", "both have id 5", func(o object) { vocab(o)["a"] = 5 }},
		{"no byte", `no token "a", which stands for byte 0x61`, func(o object) {
			v := vocab(o)
			v["a$$"] = v["a"]
			delete(v, "a")
			model(o)["merges"] = []any{}
		}},
		{"empty token", "the token with id 300 is empty", func(o object) { vocab(o)[""] = 300 }},
		{"not byte-level", `token "▁the" has characters outside the byte-level alphabet`, func(o object) { vocab(o)["▁the"] = 300 }},
		{"space in token", "outside the byte-level alphabet", func(o object) { vocab(o)["the cat"] = 300 }},

		{"added empty", "added token 298 is empty", func(o object) { added(o)["content"] = "" }},
		{"added twice", `added token "<|end|>x" is listed twice`, func(o object) { added(o)["content"] = "<|end|>x" }},
		{"added negative", `token "<|end|>" has the id -1`, func(o object) { added(o)["id"] = -1 }},
		{"added vast", `field "added_tokens.id" holds a number 1000000000000`, func(o object) { added(o)["id"] = 1e12 }},
		{"added clash", `token "a" has id`, func(o object) { added(o)["content"] = "a" }},

		{"absent left", `names the token "zq"`, setMerge("zq a")},
		{"absent right", `names the token "zq"`, setMerge([]any{"a", "zq"})},
		{"absent whole", `names the token "zq", which model.vocab lacks`, setMerge("z q")},
		{"not byte-level in merge", `names the token "a☃"`, setMerge("a☃ b")},
		{"three words", "merge 3 is neither", setMerge("a b c")},
		{"one word", "merge 3 is neither", setMerge("ab")},
		{"three tokens", "merge 3 is neither", setMerge([]any{"a", "b", "c"})},
		{"number", "merge 3 is neither", setMerge(7)},
		{"nested", "merge 3 is neither", setMerge([]any{[]any{"a"}, "b"})},
		{"repeated", "merge 3 repeats merge 1", func(o object) {
			m := model(o)["merges"].([]any)
			m[3] = m[1]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := smallObject(t)
			c.edit(o)
			_, err := Parse(marshal(t, o), "some/tokenizer.json")
			if err == nil {
				t.Fatal("no error")
			}
			message := err.Error()
			if !strings.HasPrefix(message, "reading some/tokenizer.json: ") || !strings.Contains(message, c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("more than a line: %v", err)
			}
		})
	}
}

func TestParseNotJSON(t *testing.T) {
	valid := marshal(t, smallObject(t))
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("#version: 0.2\nĠ t\n"), "cut": valid[:len(valid)/2], "list": []byte("[]"),
		"deep": []byte(strings.Repeat("[", 1<<20)),
	} {
		if _, err := Parse(data, "x.json"); err == nil || !strings.HasPrefix(err.Error(), "reading x.json: ") {
			t.Errorf("%s: error %v, want one that begins with reading x.json", name, err)
		}
	}
	if _, err := Parse(append([]byte("\ufeff"), valid...), "x.json"); err != nil {
		t.Errorf("with a byte order mark: %v", err)
	}
	_, err := Load(filepath.Join(t.TempDir(), "absent.json"))
	if err == nil || !strings.Contains(err.Error(), "absent.json") {
		t.Errorf("absent file: error %v, want one that names it", err)
	}
}

// A token listed twice passes encoding/json's maps, so that the text has to be made.
func TestParseDuplicateToken(t *testing.T) {
	data, err := small(t).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), `"vocab": {`, `"vocab": {"a":300,`, 1)
	_, err = Parse([]byte(text), "x")
	if err == nil || !strings.Contains(err.Error(), `token "a" is in model.vocab twice`) {
		t.Errorf("error %v, want one that says that token \"a\" is there twice", err)
	}
}

func TestMergesInEitherForm(t *testing.T) {
	o := smallObject(t)
	list := o["model"].(object)["merges"].([]any)
	for i, m := range list {
		left, right, _ := strings.Cut(m.(string), " ")
		list[i] = []any{left, right}
	}
	tok, err := Parse(marshal(t, o), "pairs")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.Encode(smallText), small(t).Encode(smallText); !slices.Equal(got, want) {
		t.Error("merges as pairs and as strings differ")
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tokenizer.json")
	for range 2 { // the second time over the first
		if err := small(t).WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	const text = smallText + "<|end|>x<|end|>"
	if got, want := tok.EncodeSpecial(text), small(t).EncodeSpecial(text); !slices.Equal(got, want) {
		t.Error("a tokenizer encodes otherwise after writing and loading")
	}
	first, _ := small(t).MarshalJSON()
	second, _ := tok.MarshalJSON()
	if string(first) != string(second) {
		t.Error("writing, loading and writing gives another file")
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
	if err := tok.WriteFile(filepath.Join(dir, "absent", "tokenizer.json")); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

// What is written of a published tokenizer encodes as the original does.
func TestRewritePublished(t *testing.T) {
	eachFamily(t, func(t *testing.T, name string, tok *Tokenizer) {
		data, err := json.Marshal(tok)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(data, name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(tok.tokens, again.tokens) ||
			!slices.Equal(tok.merges.byRank(), again.merges.byRank()) ||
			!slices.Equal(tok.added, again.added) {
			t.Error("the tokenizer changes when written")
		}
		for i, text := range goldenTexts(t) {
			if !slices.Equal(tok.EncodeSpecial(text), again.EncodeSpecial(text)) {
				t.Errorf("text %d encodes otherwise", i)
			}
		}
	})
}
