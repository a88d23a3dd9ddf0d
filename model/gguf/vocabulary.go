package gguf

import (
	"fmt"
	"slices"

	"spell/tensor/gguf"
)

// A Vocabulary is the text side of a file as it lies there: tokens and what belongs to each, by id.
// What the lists mean depends on Kind, and is for a tokenizer to check.
type Vocabulary struct {
	Kind      string // tokenizer.ggml.model: gpt2 for BPE over bytes, llama for SentencePiece
	Pre       string // name of the pre-tokenizer, "" if there is none
	Tokens    []string
	Types     []int     // nil: all normal
	Scores    []float64 // nil: none
	Merges    []string  // nil: none
	AddBOS    bool      // BOS goes before a text
	AddEOS    bool      // EOS goes after it
	AddPrefix bool      // a space does
	Special   Special
	Templates map[string]string // chat templates by name; "" names the one there usually is
}

// Special are the ids of special tokens, -1 for what a file does not name.
type Special struct{ BOS, EOS, Unknown, Padding int }

// The kinds of vocabularies that are read.
const (
	Bytes         = "gpt2"
	SentencePiece = "llama"
)

// prefix begins the names of the metadata of tokenizers.
const prefix = "tokenizer.ggml."

// ReadVocabulary returns the vocabulary in the file at path, nil if there is none.
func ReadVocabulary(path string) (*Vocabulary, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return vocabulary(f)
}

func vocabulary(f *gguf.File) (*Vocabulary, error) {
	r := &textReader{File: f}
	v := &Vocabulary{Kind: read(r, "model", r.Text, "no_vocab")}
	switch {
	case r.err == nil && (v.Kind == "no_vocab" || v.Kind == "none"):
		return nil, nil
	case r.err == nil && v.Kind != Bytes && v.Kind != SentencePiece:
		return nil, fmt.Errorf("reading %s: %smodel is %.80q, a kind of tokenizer that is not supported; %s and %s are",
			f.Path(), prefix, v.Kind, Bytes, SentencePiece)
	}
	v.Pre = read(r, "pre", r.Text, "")
	v.Tokens = read(r, "tokens", r.Texts, nil)
	v.Types = read(r, "token_type", r.Wholes, nil)
	v.Scores = read(r, "scores", r.Floats, nil)
	v.Merges = read(r, "merges", r.Texts, nil)
	v.AddPrefix = read(r, "add_space_prefix", r.Bool, v.Kind == SentencePiece)
	v.AddBOS = read(r, "add_bos_token", r.Bool, v.Kind == SentencePiece || slices.Contains(bosFirst, v.Pre))
	v.AddEOS = read(r, "add_eos_token", r.Bool, false)
	v.Special = Special{r.id("bos"), r.id("eos"), r.id("unknown"), r.id("padding")}
	r.templates(v)
	if r.err == nil && len(v.Tokens) == 0 {
		r.err = fmt.Errorf("reading %s: there are no %stokens; take a whole file", f.Path(), prefix)
	}
	for name, n := range map[string]int{"token_type": len(v.Types), "scores": len(v.Scores)} {
		if r.err == nil && n > 0 && n != len(v.Tokens) {
			r.err = fmt.Errorf("reading %s: %s%s has %d entries for %d tokens; it must have one for each", f.Path(),
				prefix, name, n, len(v.Tokens))
		}
	}
	r.inRange(v)
	if r.err != nil {
		return nil, r.err
	}
	return v, nil
}

// bosFirst are the pre-tokenizers of vocabularies whose texts begin with BOS if the file does not say.
var bosFirst = []string{"llama-bpe", "llama-v3", "llama3", "falcon3", "pixtral", "midm-2.0", "lfm2"}

// A textReader reads the metadata of a tokenizer. It keeps the first error.
type textReader struct {
	*gguf.File
	err error
}

// read returns a value by what reads its kind, or otherwise if the file has none of that name.
func read[T any](r *textReader, name string, by func(string) (T, error), otherwise T) T {
	if _, ok := r.Value(prefix + name); !ok || r.err != nil {
		return otherwise
	}
	v, err := by(prefix + name)
	r.err = err
	return v
}

// id returns the id of a special token, -1 if the file names none.
func (r *textReader) id(name string) int { return read(r, name+"_token_id", r.Whole, -1) }

// inRange takes special ids that are no tokens for none, as llama.cpp does, and wants types of 32 bits.
func (r *textReader) inRange(v *Vocabulary) {
	s := &v.Special
	for _, id := range []*int{&s.BOS, &s.EOS, &s.Unknown, &s.Padding} {
		if *id < 0 || *id >= len(v.Tokens) {
			*id = -1
		}
	}
	at := slices.IndexFunc(v.Types, func(t int) bool { return t != int(int32(t)) })
	if r.err == nil && at >= 0 {
		r.err = fmt.Errorf("reading %s: %stoken_type of token %d is %d, which is none from 1 to 6; correct it",
			r.Path(), prefix, at, v.Types[at])
	}
}

// The names of chat templates: of the usual one, of further ones with their own names behind it, and of
// the list of those names.
const (
	template  = "tokenizer.chat_template"
	templates = "tokenizer.chat_templates"
)

// maxTemplates is how many chat templates a file may have.
const maxTemplates = 64

// templates reads the chat templates.
func (r *textReader) templates(v *Vocabulary) {
	names := []string{}
	if list, ok := r.Value(templates); ok && r.err == nil {
		if names, r.err = r.Texts(templates); r.err == nil && list.Len() > maxTemplates {
			r.err = fmt.Errorf("reading %s: %s names %d templates, more than %d", r.Path(), templates, list.Len(),
				maxTemplates)
		}
	}
	v.Templates = map[string]string{}
	for _, name := range append(names, "") {
		key := template
		if name != "" {
			key += "." + name
		}
		if _, ok := r.Value(key); ok && r.err == nil {
			v.Templates[name], r.err = r.Text(key)
		}
	}
}

// Pairs returns the vocabulary as metadata of a file.
func (v *Vocabulary) Pairs() []gguf.Pair {
	var list []gguf.Pair
	add := func(name string, value any) { list = append(list, gguf.Pair{Name: prefix + name, Value: value}) }
	add("model", v.Kind)
	if v.Pre != "" {
		add("pre", v.Pre)
	}
	add("tokens", v.Tokens)
	if v.Scores != nil {
		add("scores", v.Scores)
	}
	if v.Types != nil {
		add("token_type", v.Types)
	}
	if v.Merges != nil {
		add("merges", v.Merges)
	}
	s := v.Special
	for i, id := range []int{s.BOS, s.EOS, s.Unknown, s.Padding} {
		if id >= 0 {
			add([]string{"bos", "eos", "unknown", "padding"}[i]+"_token_id", id)
		}
	}
	add("add_bos_token", v.AddBOS)
	add("add_eos_token", v.AddEOS)
	if v.Kind == SentencePiece {
		add("add_space_prefix", v.AddPrefix)
	}
	var names []string
	for name, text := range v.Templates {
		if name == "" {
			list = append(list, gguf.Pair{Name: template, Value: text})
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, gguf.Pair{Name: template + "." + name, Value: v.Templates[name]})
	}
	if names != nil {
		list = append(list, gguf.Pair{Name: templates, Value: names})
	}
	return list
}
