package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"spell/model"
	"spell/model/gguf"
	"spell/model/open"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// fileText returns the text side of a GGUF file, nil if it has none.
func fileText(path string) (*chat.Dialog, error) {
	v, err := gguf.ReadVocabulary(path)
	if v == nil || err != nil {
		return nil, err
	}
	lists := listsOf(v)
	var tok *tokenizer.Tokenizer
	if v.Kind == gguf.SentencePiece {
		tok, err = tokenizer.NewSentencePiece(lists)
	} else {
		tok, err = tokenizer.NewByteLevel(lists)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer of %s: %w", path, err)
	}
	templates, special := map[string]string{}, map[string]string{}
	for name, text := range v.Templates {
		if name == "" {
			name = "default"
		}
		templates[name] = text
	}
	s := v.Special
	for i, id := range []int{s.BOS, s.EOS, s.Unknown, s.Padding} {
		if id >= 0 {
			special[[]string{"bos_token", "eos_token", "unk_token", "pad_token"}[i]] = v.Tokens[id]
		}
	}
	return chat.New(path, tok, templates, special)
}

// OpenTokenizer reads the tokenizer of the model at path, and no templates.
func OpenTokenizer(path string) (*tokenizer.Tokenizer, error) {
	format, err := open.FormatOf(path)
	if err != nil {
		return nil, err
	}
	if format == open.Folder {
		tok, err := chat.Tokenizer(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = NoTokenizer(path, otherTokenizer)
		}
		return tok, err
	}
	text, err := fileText(path)
	if err == nil && text == nil {
		err = NoTokenizer(path, otherTokenizer)
	}
	if err != nil {
		return nil, err
	}
	return text.Tok, nil
}

// otherTokenizers are the files in which models have tokenizers that are not read.
var otherTokenizers = []string{"tokenizer.model", "tekken.json", "vocab.json", "spiece.model", "qwen.tiktoken",
	"tokenizer.tiktoken", "vocab.txt"}

// otherTokenizer is what may be done where only texts are looked at.
const otherTokenizer = "name a model with one, or a tokenizer.json with --tokenizer"

// NoTokenizer returns the error of the model at path, which has no tokenizer. Files in other formats are
// named; otherwise says what is to be done without one.
func NoTokenizer(path, otherwise string) error {
	for _, name := range otherTokenizers {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return fmt.Errorf("%s has no tokenizer.json, and its %s is not read: AutoTokenizer of transformers makes "+
				"one of it by save_pretrained; or else %s", path, name, otherwise)
		}
	}
	return fmt.Errorf("%s has no tokenizer (tokenizer.json); %s", path, otherwise)
}

// listsOf returns a vocabulary as package tokenizer has it.
func listsOf(v *gguf.Vocabulary) tokenizer.Lists {
	l := tokenizer.Lists{Tokens: v.Tokens, Merges: v.Merges, Pre: v.Pre, Prefix: v.AddPrefix}
	for _, t := range v.Types {
		l.Types = append(l.Types, tokenizer.TokenType(t))
	}
	for _, s := range v.Scores {
		l.Scores = append(l.Scores, float32(s))
	}
	if v.AddBOS && v.Special.BOS >= 0 {
		l.Begin = []int32{int32(v.Special.BOS)}
	}
	if v.AddEOS && v.Special.EOS >= 0 {
		l.End = []int32{int32(v.Special.EOS)}
	}
	return l
}

// VocabularyOf returns a text side as GGUF files have it, for a model of configuration c. The error names
// what such files have no place for.
func VocabularyOf(text *chat.Dialog, c *model.Config) (*gguf.Vocabulary, error) {
	l, err := text.Tok.Lists(c.Vocab)
	if err != nil {
		return nil, err
	}
	if len(l.Begin) > 1 || len(l.End) > 1 {
		return nil, fmt.Errorf("the tokenizer puts %d tokens before a text and %d after it; GGUF files have "+
			"one of each", len(l.Begin), len(l.End))
	}
	v := &gguf.Vocabulary{Kind: gguf.Bytes, Pre: l.Pre, Tokens: l.Tokens, Merges: l.Merges, AddPrefix: l.Prefix,
		AddBOS: len(l.Begin) > 0, AddEOS: len(l.End) > 0, Templates: text.Templates()}
	if main, ok := v.Templates["default"]; ok {
		delete(v.Templates, "default")
		v.Templates[""] = main
	}
	unknown := -1
	for id, t := range l.Types {
		v.Types = append(v.Types, int(t))
		if t == tokenizer.UnknownToken {
			unknown = id
		}
	}
	if !text.Tok.IsByteLevel() {
		v.Kind, v.Pre = gguf.SentencePiece, "default"
		for _, s := range l.Scores {
			v.Scores = append(v.Scores, float64(s))
		}
	}
	named := func(name string, otherwise int, first []int32) int {
		if len(first) > 0 {
			return int(first[0])
		}
		if id, ok := text.Named(name); ok {
			return int(id)
		}
		return otherwise
	}
	end := -1
	if len(c.EOS) > 0 {
		end = int(c.EOS[0])
	}
	v.Special = gguf.Special{BOS: named("bos_token", int(c.BOS), l.Begin), EOS: named("eos_token", end, l.End),
		Unknown: named("unk_token", unknown, nil), Padding: named("pad_token", -1, nil)}
	return v, nil
}
