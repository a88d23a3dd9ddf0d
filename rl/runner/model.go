package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/tokenizer/chat"
)

// OnModel is the part of a method that trains a model there is, as Hugging Face folders hold them. A
// Method embeds it.
type OnModel struct {
	Path string // of the folder; empty: the embedded base
}

// Shape returns the configuration of the model.
func (o OnModel) Shape() (model.Config, error) { return ShapeOf(o.Path) }

// Load returns the model, loaded for training, and its text side.
func (o OnModel) Load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	return Learner(ctx, b, o.Path, p)
}

// ShapeOf returns the configuration of the model in a folder, or of a config.json alone; of the embedded
// base if path is empty.
func ShapeOf(path string) (model.Config, error) {
	path, done, err := modelFolder(path)
	if err != nil {
		return model.Config{}, err
	}
	defer done()
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return model.Config{}, err
	case info.IsDir():
		return hf.ReadConfig(path)
	case filepath.Base(path) == "config.json":
		return hf.ReadConfig(filepath.Dir(path))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return model.Config{}, err
	}
	c, err := hf.ParseConfig(raw)
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Learner loads the model in a folder, or the embedded base if path is empty, for training, with its
// text side.
func Learner(ctx context.Context, b kernels.Backend, path string, p model.Precision) (*model.Weights, *chat.Dialog,
	error) {

	path, done, err := modelFolder(path)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	w, err := hf.LoadContext(ctx, b, path, p, model.Training)
	if err != nil {
		return nil, nil, err
	}
	text, err := textOf(path, w.Vocab)
	if err != nil {
		w.Free()
		return nil, nil, err
	}
	return w, text, nil
}

// OpenText reads the tokenizer and chat template in a folder and checks that they fit a vocabulary; a
// folder without tokenizer.json gives nil.
func OpenText(dir string, vocab int) (*chat.Dialog, error) {
	text, err := chat.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if n := text.Tok.VocabSize(); vocab > 0 && n > vocab {
		return nil, fmt.Errorf("%s has %d tokens and the model's vocabulary %d; they do not belong together",
			filepath.Join(dir, "tokenizer.json"), n, vocab)
	}
	return text, nil
}

// TextOf returns the text side of the model in a folder, or of the embedded base if path is empty,
// without its weights.
func TextOf(path string, vocab int) (*chat.Dialog, error) {
	path, done, err := modelFolder(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return textOf(path, vocab)
}

// textOf returns the text side of a model that is trained.
func textOf(path string, vocab int) (*chat.Dialog, error) {
	text, err := OpenText(path, vocab)
	if err == nil && text == nil {
		err = fmt.Errorf("%s has no tokenizer.json; training on text needs one", path)
	}
	return text, err
}
