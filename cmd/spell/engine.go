package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/open"
	"spell/model"
	"spell/model/hf"
	"spell/model/nano"
	"spell/tokenizer/chat"
)

// engine holds the flags every command takes and opens what they name.
type engine struct {
	backend   string
	workers   int
	precision string
	quiet     bool
}

func (e *engine) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&e.backend, "backend", "auto", "where to compute: auto, cpu or cuda")
	f.IntVar(&e.workers, "workers", 0, "worker threads of the CPU backend; 0: one per processor")
	f.StringVar(&e.precision, "precision", "f32", "f32, bf16, or int8 weights for generating and scoring")
	f.BoolVar(&e.quiet, "quiet", false, "print results only, no progress")
}

// open starts the backend and parses the precision.
func (e *engine) open() (kernels.Backend, model.Precision, error) {
	p, err := model.ParsePrecision(e.precision)
	if err != nil {
		return nil, p, fmt.Errorf("--precision: %w", err)
	}
	if err := reserveThreads(e.workers); err != nil {
		return nil, p, err
	}
	b, err := open.Backend(open.Options{Name: e.backend, Workers: e.workers})
	return b, p, err
}

// openTrained is open for weights that are trained, whose optimizer keeps its moments like that.
func (e *engine) openTrained(m model.Moments) (kernels.Backend, model.Precision, error) {
	b, p, err := e.open()
	if err != nil {
		return nil, p, err
	}
	if p == model.Int8 {
		b.Close()
		return nil, p, errors.New(
			"--precision int8 is for generating and scoring; weights that are trained need f32 or bf16")
	}
	p.Moments = m
	return b, p, nil
}

// learner loads the model in dir, or the embedded base where dir is empty, for training, with its
// text side. refuse says first whether the run on it does not fit in the memory there is.
func learner(
	b kernels.Backend, dir string, p model.Precision, refuse func(m model.Config, available int64) error,
) (*model.Weights, *chat.Dialog, error) {
	if dir == "" {
		tmp, err := extractBase()
		if err != nil {
			return nil, nil, err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	if err := fits(dir, refuse); err != nil {
		return nil, nil, err
	}
	w, err := hf.Load(b, dir, p, model.Training)
	if err != nil {
		return nil, nil, err
	}
	text, err := openText(dir, w.Vocab)
	if err == nil && text == nil {
		err = fmt.Errorf("%s has no tokenizer.json; training on text needs one", dir)
	}
	return w, text, err
}

// extractBase writes the embedded base to a directory that the caller removes.
func extractBase() (string, error) {
	dir, err := os.MkdirTemp("", "spell-base-")
	if err != nil {
		return "", err
	}
	if err := nano.Extract(dir); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}

// openText reads the tokenizer and chat template in dir and checks that they fit a vocabulary; a
// directory without tokenizer.json gives nil.
func openText(dir string, vocab int) (*chat.Dialog, error) {
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
