package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spell/model/train"
)

// runFlags are the flags of a run that trains: where it lives, whether it goes on, and what is laid over its settings.
type runFlags struct {
	out, config   string
	seed          uint64
	resume, print bool
}

// add describes the flags; holds is what a run leaves in --out.
func (t *runFlags) add(cmd *cobra.Command, out, holds string) {
	f := cmd.Flags()
	f.StringVar(&t.out, "out", out, "where "+holds+" go")
	f.StringVar(&t.config, "config", "", "JSON file laid over the configuration; see --print-config")
	f.Uint64Var(&t.seed, "seed", 1, "random seed")
	f.BoolVar(&t.resume, "resume", false, "go on from the newest checkpoint in --out")
	f.BoolVar(&t.print, "print-config", false, "print every setting with its value and meaning, and stop")
}

// A configuration is the settings of a kind of run.
type configuration interface {
	Read(overlay []byte) error
	Validate() error
}

// configure lays the user's file over c, and then the flags that were given: what each of them does.
func (t *runFlags) configure(cmd *cobra.Command, c configuration, given map[string]func()) error {
	if t.config != "" {
		raw, err := os.ReadFile(t.config)
		if err != nil {
			return err
		}
		if err := c.Read(raw); err != nil {
			return fmt.Errorf("%s: %w", t.config, err)
		}
	}
	for name, set := range given {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("the configuration cannot be run: %w", err)
	}
	return nil
}

// going says whether --out holds a run to go on with, and refuses one that nobody asked to go on with.
func (t *runFlags) going() (bool, error) {
	have, err := train.List(t.out)
	if err == nil && len(have) > 0 && !t.resume {
		err = fmt.Errorf("%s holds a run already; go on with --resume or choose another --out", t.out)
	}
	return len(have) > 0, err
}
