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
	"spell/model/nano"
	"spell/model/open"
	"spell/tokenizer/chat"
)

// OnModel is the part of a method that trains a model there is, in any format of package open. A Method
// embeds it.
type OnModel struct {
	Path    string // of the folder or file, or of an embedded base, as package nano names it
	Adapter string // folder of adapters that the run begins with; empty: fresh ones, if it trains adapters
}

// Shape returns the configuration of the model.
func (o OnModel) Shape() (model.Config, error) { return ShapeOf(o.Path) }

// IsWorld reports whether the model is the embedded base for the generated world.
func (o OnModel) IsWorld() bool {
	name, _ := nano.Named(o.Path)
	return name == nano.World
}

// goOn makes the model that at path, with which the run began.
func (o *OnModel) goOn(path string) { o.Path = path }

// ShapeOf returns the configuration of the model at path, which may name an embedded base, or of a
// config.json alone.
func ShapeOf(path string) (model.Config, error) {
	path, done, err := ModelFolder(path)
	if err != nil {
		return model.Config{}, err
	}
	defer done()
	if filepath.Ext(path) != ".json" {
		return open.Config(path)
	}
	if filepath.Base(path) == "config.json" {
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

// Learner loads the model at path, which may name an embedded base, for training, with its text side. Its end
// tokens are those of EndTokens, and so are a checkpoint's that is made of it.
func Learner(ctx context.Context, b kernels.Backend, path string, p model.Precision) (*model.Weights, *chat.Dialog,
	error) {

	path, done, err := ModelFolder(path)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	w, err := open.Load(ctx, b, path, p, model.Training)
	if err != nil {
		return nil, nil, err
	}
	text, err := textOf(path, w.Vocab)
	if err != nil {
		w.Free()
		return nil, nil, err
	}
	w.EOS = EndTokens(w.EOS, text)
	return w, text, nil
}

// unbalanced returns a sentence about the loss that balances experts, if a model asks for it:
// nothing here computes it.
func unbalanced(m *model.Mixture) []string {
	if m.Experts == 0 || !m.RouterLogits || m.AuxLoss == 0 {
		return nil
	}
	return []string{fmt.Sprintf("config.json asks for a loss that balances experts (output_router_logits, "+
		"router_aux_loss_coef %g), which is not computed: routers learn from the answers alone", m.AuxLoss)}
}

// notesOnText returns what is to be said of the text side of a model without a chat template.
func (r *run) notesOnText() []string {
	if r.text.Template != nil {
		return nil
	}
	return r.text.Notes()
}

// OpenText reads the tokenizer and chat template of the model at path and checks that they fit a
// vocabulary, but for added tokens that the model has no rows for, which are left out; a folder without
// tokenizer.json gives nil, and so does a GGUF file without a tokenizer.
func OpenText(path string, vocab int) (*chat.Dialog, error) {
	format, err := open.FormatOf(path)
	if err != nil {
		return nil, err
	}
	var text *chat.Dialog
	if format == open.GGUF {
		text, err = fileText(path)
	} else if text, err = chat.Open(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else {
		path = filepath.Join(path, "tokenizer.json")
	}
	if text == nil || err != nil {
		return nil, err
	}
	if n := text.Tok.VocabSize(); vocab > 0 && n > vocab {
		if text, err = text.Within(vocab); err != nil {
			return nil, fmt.Errorf("%s has %d tokens and the model's vocabulary %d: %w; they do not belong together: "+
				"give the tokenizer that was saved with the model", path, n, vocab, err)
		}
	}
	return text, nil
}

// TextOf returns the text side of the model in a folder, or of the embedded base that path names, without
// its weights.
func TextOf(path string, vocab int) (*chat.Dialog, error) {
	path, done, err := ModelFolder(path)
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
		err = NoTokenizer(path, "training on text needs one")
	}
	return text, err
}
