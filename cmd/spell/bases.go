package main

import (
	"spell/model/nano"
	"spell/rl/runner"
	selfplay "spell/rl/spell"
	"spell/tokenizer"
)

// baseFor returns the path of the embedded base that stands for a --model that was left out: the one that reads
// documents if there are such, else that of the generated world.
func baseFor(docs string) string {
	if docs == "" {
		return nano.Path(nano.World)
	}
	return nano.Path(nano.Text)
}

// kindOf returns which presets suit the model at path. One that cannot be read is refused elsewhere.
func kindOf(path string) (selfplay.Kind, error) {
	switch name, _ := nano.Named(path); name {
	case nano.World:
		return selfplay.WorldBase, nil
	case nano.Text:
		return selfplay.TextBase, nil
	}
	base, err := tokensOf(nano.Text)
	if err != nil {
		return 0, err
	}
	if shape, err := runner.ShapeOf(path); err != nil || shape.Vocab != base.VocabSize() {
		return selfplay.OwnModel, nil
	}
	if text, err := runner.OpenText(path, 0); err == nil && text != nil && sameTokens(base, text.Tok) {
		return selfplay.TextBase, nil
	}
	return selfplay.OwnModel, nil
}

// ofBase reports whether a tokenizer is that of an embedded base, as that of a model trained from one is.
func ofBase(t *tokenizer.Tokenizer) (bool, error) {
	for _, name := range nano.Names() {
		if base, err := tokensOf(name); err != nil || sameTokens(base, t) {
			return err == nil, err
		}
	}
	return false, nil
}

// tokensOf returns the tokenizer of an embedded base.
func tokensOf(name string) (*tokenizer.Tokenizer, error) {
	const file = "tokenizer.json"
	raw, err := nano.Read(name, file)
	if err != nil {
		return nil, err
	}
	return tokenizer.Parse(raw, nano.Path(name)+"/"+file)
}

// sameTokens reports whether two tokenizers have the same vocabulary.
func sameTokens(a, b *tokenizer.Tokenizer) bool {
	n := a.VocabSize()
	if n != b.VocabSize() {
		return false
	}
	for id := range int32(n) {
		if string(a.TokenBytes(id)) != string(b.TokenBytes(id)) {
			return false
		}
	}
	return true
}
