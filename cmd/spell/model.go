package main

import (
	"context"
	"errors"
	"fmt"

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

	at located // by config, until free
}

func (f *modelFlags) flags(cmd *cobra.Command) {
	f.describe(cmd, "")
	cmd.MarkFlagRequired("model")
}

// describe describes the flags; without --model they mean otherwise.
func (f *modelFlags) describe(cmd *cobra.Command, otherwise string) {
	modelFlag(cmd, &f.dir, otherwise)
	cmd.Flags().StringVar(&f.adapter, "adapter", "", "folder of LoRA adapters of the model, as PEFT saves them")
	cmd.Flags().Float64Var(&f.yarn, "yarn", 0, "stretch the context this many times by YaRN")
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

// config finds the model and its adapters, and reads their configurations. What it unpacks is there
// until free.
func (f *modelFlags) config() (s *source, err error) {
	if f.at, err = locate(f.dir, f.adapter); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.free()
		}
	}()
	c, err := open.Config(f.at.dir)
	if err != nil {
		return nil, err
	}
	if f.yarn != 0 {
		if c, err = c.Stretched(f.yarn); err != nil {
			return nil, fmt.Errorf("--yarn %v for %s: %w", f.yarn, f.dir, err)
		}
	}
	s = &source{Config: c}
	if f.at.adapter != "" {
		s.adapters, err = peft.ReadConfig(f.at.adapter)
	}
	return s, err
}

// free removes what config had to unpack.
func (f *modelFlags) free() { f.at.done() }

// load reads the model and its adapters.
func (f *modelFlags) load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, error) {
	w, err := open.Load(ctx, b, f.at.dir, p, model.Inference)
	if err != nil {
		return nil, err
	}
	if f.yarn != 0 {
		if err = w.Stretch(f.yarn); err != nil {
			err = fmt.Errorf("--yarn %v for %s: %w", f.yarn, f.dir, err)
		}
	}
	if err == nil && f.at.adapter != "" {
		_, err = peft.Load(b, w, f.at.adapter, model.Inference)
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
