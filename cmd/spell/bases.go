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

// promptsOf returns the prompt set that suits a tokenizer: that of an embedded base, if it has its tokens, as a model
// trained from one does, or else full.
func promptsOf(t *tokenizer.Tokenizer) (set string, err error) {
	for _, name := range nano.Names() {
		base, err := tokensOf(name)
		if err != nil {
			return "", err
		}
		if sameTokens(base, t) {
			return map[string]string{nano.World: "compact", nano.Text: "reading"}[name], nil
		}
	}
	return "full", nil
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
