package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/open"
	"spell/model/peft"
)

// modelFlags name a model that a command reads and does not train, and adapters beside it.
type modelFlags struct {
	dir, adapter string
	yarn         float64

	text string // folder of the tokenizer
}

func (f *modelFlags) flags(cmd *cobra.Command) {
	modelFlag(cmd, &f.dir, "")
	cmd.Flags().StringVar(&f.adapter, "adapter", "", "folder of LoRA adapters of the model, as PEFT saves them")
	cmd.Flags().Float64Var(&f.yarn, "yarn", 0, "stretch the context this many times by YaRN")
	cmd.MarkFlagRequired("model")
}

// check refuses flags that cannot be meant.
func (f *modelFlags) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("yarn") && !(f.yarn > 1) {
		return errors.New("--yarn is how many times as long the context becomes; give a number above 1, as 4")
	}
	return nil
}

// A source is what a model is before its weights are loaded.
type source struct {
	model.Config
	adapters *peft.Config // nil: none
}

// config reads the configurations of the model and its adapters.
func (f *modelFlags) config() (*source, error) {
	if err := f.resolve(); err != nil {
		return nil, err
	}
	c, err := open.Config(f.dir)
	if err != nil {
		return nil, err
	}
	if f.yarn != 0 {
		if c, err = c.Stretched(f.yarn); err != nil {
			return nil, fmt.Errorf("--yarn %v for %s: %w", f.yarn, f.dir, err)
		}
	}
	s := &source{Config: c}
	if f.adapter != "" {
		s.adapters, err = peft.ReadConfig(f.adapter)
	}
	return s, err
}

// resolve takes a --model that holds adapters alone, as a checkpoint of a run that trained them does, for
// these, with the model that they name.
func (f *modelFlags) resolve() error {
	f.text = f.dir
	if _, err := os.Stat(filepath.Join(f.dir, "config.json")); err == nil || f.adapter != "" || !peft.Is(f.dir) {
		return nil
	}
	c, err := peft.ReadConfig(f.dir)
	if err != nil {
		return err
	}
	if _, err := open.FormatOf(c.Base); c.Base == "" || err != nil {
		return fmt.Errorf("--model %s holds adapters of the model %q, which is not here; name their model with "+
			"--model and them with --adapter", f.dir, c.Base)
	}
	f.dir, f.adapter = c.Base, f.dir
	if _, err := os.Stat(filepath.Join(f.text, "tokenizer.json")); err != nil {
		f.text = c.Base
	}
	return nil
}

// load reads the model and its adapters.
func (f *modelFlags) load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, error) {
	w, err := open.Load(ctx, b, f.dir, p, model.Inference)
	if err != nil {
		return nil, err
	}
	if f.yarn != 0 {
		if err = w.Stretch(f.yarn); err != nil {
			err = fmt.Errorf("--yarn %v for %s: %w", f.yarn, f.dir, err)
		}
	}
	if err == nil && f.adapter != "" {
		_, err = peft.Load(b, w, f.adapter, model.Inference)
	}
	if err != nil {
		w.Free()
		return nil, err
	}
	return w, nil
}

// plan maps the model and its adapters on a backend without memory.
func (s *source) plan(b kernels.Backend, p model.Precision) (*model.Weights, error) {
	w, err := model.NewWeights(b, s.Config, p, model.Inference)
	if err == nil && s.adapters != nil {
		err = s.adapters.Adapt(b, w)
	}
	return w, err
}
