package tokenizer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestSpellings: other ways to write the same tokenizer give the same ids.
func TestSpellings(t *testing.T) {
	want := small(t)
	steps := func(o object) []any { return o["pre_tokenizer"].(object)["pretokenizers"].([]any) }
	split := func(behavior string, invert bool) func(object) {
		return func(o object) {
			steps(o)[0].(object)["behavior"], steps(o)[0].(object)["invert"] = behavior, invert
		}
	}
	model := func(o object) object { return o["model"].(object) }
	for name, edit := range map[string]func(object){
		"removed, inverted":       split("Removed", true),
		"isolated, inverted":      split("Isolated", true),
		"with previous":           split("MergedWithPrevious", false),
		"with previous, inverted": split("MergedWithPrevious", true),
		"with next":               split("MergedWithNext", false),
		"with next, inverted":     split("MergedWithNext", true),
		"nested sequences": func(o object) {
			inner := object{"type": "Sequence", "pretokenizers": steps(o)[:1]}
			o["pre_tokenizer"].(object)["pretokenizers"] = []any{inner, steps(o)[1]}
		},
		"sequence of one decoder": func(o object) {
			o["decoder"] = object{"type": "Sequence", "decoders": []any{o["decoder"]}}
		},
		"byte fallback": func(o object) { model(o)["byte_fallback"] = true },
		"unk":           func(o object) { model(o)["unk_token"], model(o)["fuse_unk"] = "<|end|>", true },
		"version": func(o object) {
			model(o)["merges"] = slices.Concat([]any{"#version: 0.2"}, model(o)["merges"].([]any))
		},
		"version inside": func(o object) {
			model(o)["merges"] = slices.Insert(model(o)["merges"].([]any), 2, any("#version: 0.2 - Trained by x"))
		},
		"pairs": func(o object) {
			var pairs []any
			for _, m := range model(o)["merges"].([]any) {
				left, right, _ := bytes.Cut([]byte(m.(string)), []byte(" "))
				pairs = append(pairs, []any{string(left), string(right)})
			}
			model(o)["merges"] = pairs
		},
		"unused ids": func(o object) {
			o["added_tokens"] = append(o["added_tokens"].([]any), object{"id": 500, "content": "<far>"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := smallObject(t)
			edit(o)
			tok, err := Parse(marshal(t, o), "spelled")
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range goldenTexts(t) {
				if got := tok.EncodeSpecial(text); !slices.Equal(got, want.EncodeSpecial(text)) {
					t.Fatalf("%q: %v, want %v", text, got, want.EncodeSpecial(text))
				}
			}
			if id, ok := tok.Special("<far>"); ok && (id != 500 || tok.VocabSize() != 501 ||
				tok.Decode([]int32{400}) != "") {
				t.Errorf("<far> is %d of %d", id, tok.VocabSize())
			}
		})
	}
}

// numberedByHuggingFace returns the ids that Hugging Face tokenizers gives to the added tokens of a
// file: that of model.vocab, or the next one behind its end.
func numberedByHuggingFace(tb testing.TB, data []byte) map[string]int32 {
	tb.Helper()
	var file struct {
		AddedTokens []AddedToken `json:"added_tokens"`
		Model       struct{ Vocab map[string]int32 }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		tb.Fatal(err)
	}
	ids, next := map[string]int32{}, int32(len(file.Model.Vocab))
	for _, a := range file.AddedTokens {
		id, ok := file.Model.Vocab[a.Content]
		if !ok {
			id, next = next, next+1
		}
		ids[a.Content] = id
	}
	return ids
}

// TestWrittenIDs: in what is written Hugging Face tokenizers gives every added token the id that it
// has here, wherever it stands.
func TestWrittenIDs(t *testing.T) {
	vocab := func(o object) object { return o["model"].(object)["vocab"].(object) }
	for name, c := range map[string]struct {
		edit   func(o object)
		tokens []object
		more   []AddedToken
	}{
		"at the end":       {nil, []object{{"content": "<a>"}, {"content": "<b>"}}, nil},
		"listed":           {func(o object) { vocab(o)["<a>"] = 298 }, []object{{"content": "<a>"}, {"content": "<b>"}}, nil},
		"listed in bars":   {func(o object) { vocab(o)["<｜a｜>"] = 298 }, []object{{"content": "<｜a｜>"}, {"content": "<b>"}}, nil},
		"the last listed":  {func(o object) { vocab(o)["<｜b｜>"] = 299 }, []object{{"content": "<a>"}, {"content": "<｜b｜>"}}, nil},
		"behind a gap":     {func(o object) { o["added_tokens"].([]any)[1].(object)["id"] = 310 }, []object{{"content": "<a>"}, {"content": "<b>"}}, nil},
		"extended":         {nil, []object{{"content": "<a>"}}, []AddedToken{{ID: 299, Content: "<n>"}}},
		"extended far":     {nil, []object{{"content": "<a>"}}, []AddedToken{{ID: 400, Content: "<｜n｜>"}, {ID: 350, Content: "▁m"}}},
		"extended by word": {nil, nil, []AddedToken{{ID: -1, Content: "a", Special: true}, {ID: -1, Content: "absent"}}},
	} {
		t.Run(name, func(t *testing.T) {
			tok := withAdded(t, c.edit, c.tokens...)
			if c.more != nil {
				var err error
				if tok, err = tok.Extend(c.more); err != nil {
					t.Fatal(err)
				}
			}
			data, err := tok.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(data, "again")
			if err != nil {
				t.Fatal(err)
			}
			theirs := numberedByHuggingFace(t, data)
			for _, a := range tok.AddedTokens() {
				if id := theirs[a.Content]; id != a.ID {
					t.Errorf("%s has id %d there, %d here", a.Content, id, a.ID)
				}
				if ids := again.EncodeSpecial("x" + a.Content); len(ids) != 2 || ids[1] != a.ID {
					t.Errorf("%s has ids %v when read again, want %d", a.Content, ids, a.ID)
				}
			}
			want := len(c.tokens) + len(c.more)
			if name == "extended by word" { // whose absent word is left out
				want--
			}
			if _, ok := tok.Special("absent"); ok || len(tok.AddedTokens()) != want {
				t.Errorf("added tokens %v", tok.AddedTokens())
			}
		})
	}
}

// TestWriteFileKeeps: a file that nothing was added to is written as it was read.
func TestWriteFileKeeps(t *testing.T) {
	o := smallObject(t)
	o["more"] = "of another program"
	data := marshal(t, o)
	tok, err := Parse(data, "small")
	if err != nil {
		t.Fatal(err)
	}
	same, err := tok.Extend(append(tok.AddedTokens(), AddedToken{ID: -1, Content: "absent"}))
	if err != nil || same != tok {
		t.Fatalf("nothing added gives another tokenizer, %v", err)
	}
	more, err := tok.Extend([]AddedToken{{ID: 300, Content: "<n>"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	for _, c := range []struct {
		tok  *Tokenizer
		same bool
	}{{tok, true}, {more, false}} {
		if err := c.tok.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || bytes.Equal(got, data) != c.same {
			t.Errorf("written as it was: %t, want %t, %v", !c.same, c.same, err)
		}
	}
}

// TestWords: added words that are not special are found in documents, special ones are not; a special
// one that is found hides what is in it, as in Hugging Face tokenizers.
func TestWords(t *testing.T) {
	tok := withAdded(t, nil, object{"content": "gryphon"}, object{"content": "<s>", "special": true},
		object{"content": "s>x"}, object{"content": "owl", "single_word": true},
		object{"content": "hen", "lstrip": true, "rstrip": true})
	for text, want := range map[string]string{
		"the gryphon": "the [298]", "<s>": "<s>", "<s>x": "<s>x", "ss>x": "s[300]", "owls owl": "owls [301]",
		"a hen  b": "a[302]b", "<s>gryphon<s>": "<s>[298]<s>",
	} {
		if got := show(tok, tok.Encode(text)); got != want {
			t.Errorf("%q encodes to %q, want %q", text, got, want)
		}
		ids, spans := tok.EncodeSpans(text)
		if !slices.Equal(ids, tok.Encode(text)) {
			t.Errorf("%q with spans: %v", text, ids)
		}
		checkCover(t, text, spans)
	}
}
