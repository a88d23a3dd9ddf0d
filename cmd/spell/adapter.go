package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spell/model"
	"spell/model/peft"
	"spell/rl/runner"
)

// adapterFlags are the flags of commands that can train adapters.
type adapterFlags struct {
	rank          int
	base, adapter string

	begun model.LoRA // what --adapter holds
	notes []string   // what is to be said of it
}

func (a *adapterFlags) describe(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&a.rank, "lora", 0, "train adapters of that rank (LoRA) instead of the weights; 0: the weights")
	f.StringVar(&a.base, "base", "same", "with --lora: keep the weights in f32, bf16 or int8")
	f.StringVar(&a.adapter, "adapter", "", "folder of LoRA adapters, as PEFT saves them, to go on training")
	cmd.MarkFlagsMutuallyExclusive("lora", "adapter")
}

// read finds out what adapters a run begins with.
func (a *adapterFlags) read(on runner.OnModel) error {
	if a.adapter == "" {
		return nil
	}
	c, err := peft.ReadConfig(a.adapter)
	if err != nil {
		return err
	}
	m, err := on.Shape()
	if err != nil {
		return err
	}
	a.notes = c.Notes
	a.begun, err = c.LoRA(&m)
	return err
}

// say says what of --adapter is not done here and matters in training alone.
func (a *adapterFlags) say(e *engine) {
	if e.quiet {
		return
	}
	for _, note := range a.notes {
		fmt.Fprintln(os.Stderr, "spell:", note)
	}
}

// given returns what the flags do that were given. A run that goes on has its settings.
func (a *adapterFlags) given(l *runner.LoRA) map[string]func() {
	return map[string]func(){
		"lora": func() { l.Rank = a.rank },
		"base": func() { l.Base = a.base },
		"adapter": func() {
			if a.begun.Rank > 0 {
				l.Take(a.begun)
			}
		},
	}
}
