package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/rl/pretrain"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/rl/sft"
	selfplay "spell/rl/spell"
)

// runFlags are the flags of a run that trains: where it lives, whether it goes on, and what is laid
// over its settings.
type runFlags struct {
	out, config   string
	set           []string
	seed          uint64
	resume, print bool
	dry           bool
}

// add describes the flags; holds is what a run leaves in --out.
func (t *runFlags) add(cmd *cobra.Command, out, holds string) {
	f := cmd.Flags()
	f.StringVar(&t.out, "out", out, "folder for "+holds)
	f.StringVar(&t.config, "config", "", "YAML or JSON file laid over the settings; --print-config writes one")
	f.StringArrayVar(&t.set, "set", nil, "one setting, as in --set optim.lr=1e-5; laid over --config, and may be "+
		"given again")
	f.Uint64Var(&t.seed, "seed", 1, "random seed")
	f.BoolVar(&t.resume, "resume", false, "go on from the newest checkpoint in --out")
	f.BoolVar(&t.dry, "dry-run", false, "list what becomes of each file and what the run would take; "+
		"make nothing in --out")
	f.BoolVar(&t.print, "print-config", false, "write the settings as a file that --config reads, and stop")
}

// configure lays the user's settings over those of a method, and refuses what cannot be run.
func (t *runFlags) configure(cmd *cobra.Command, m runner.Method, given map[string]func()) error {
	if err := t.lay(cmd, m, given); err != nil {
		return err
	}
	if v, ok := m.Settings().(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("the settings cannot be run: %w", err)
		}
	}
	return nil
}

// lay lays the user's file over the settings of a method, then --set, and then does what each flag
// does that was given.
func (t *runFlags) lay(cmd *cobra.Command, m runner.Method, given map[string]func()) error {
	if t.config != "" {
		raw, err := os.ReadFile(t.config)
		if err != nil {
			return err
		}
		if err := settings.Read(t.config, raw, m.Settings(), elsewhere(cmd, m)); err != nil {
			return err
		}
	}
	for _, s := range t.set {
		if err := settings.Set(m.Settings(), s, elsewhere(cmd, m)); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed("seed") {
		m.Base().Seed = t.seed
	}
	for name, set := range given {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
	return nil
}

// methods returns every way to train.
func methods() []runner.Method {
	return []runner.Method{
		&selfplay.Method{Config: selfplay.Default()},
		&sft.Method{Config: sft.Default()},
		&pretrain.Method{Config: pretrain.World()},
	}
}

// elsewhere returns what says of a name that is no setting of the method that it is a flag of the
// command, or a setting of another one.
func elsewhere(cmd *cobra.Command, m runner.Method) settings.Elsewhere {
	return func(name string) string {
		if flag := cmd.Flags().Lookup(strings.ReplaceAll(name, "_", "-")); flag != nil {
			return "it is no setting but the flag --" + flag.Name
		}
		for _, other := range methods() {
			if other.Name() == m.Name() || !settings.Has(other.Settings(), name) {
				continue
			}
			whose := "it is a setting of spell " + other.Name()
			if has, ok := m.(runner.Replacing); ok && has.Instead(name) != "" {
				whose += "; " + has.Instead(name)
			}
			return whose
		}
		return ""
	}
}

// A job is a run as its command describes it.
type job struct {
	method  runner.Method
	model   string            // --model, as it was given
	adapter string            // --adapter, likewise
	given   map[string]func() // what the flags do that were given
	read    func() error      // reads the data before size; nil: the method does
	size    func() error      // settles the settings of a run that begins; nil: as the user lays them

	// rates measures the machine, for the time of the run; nil: it is not said.
	rates func(kernels.Backend, tally.Shape) (tally.Rates, error)
}

// run trains, for every command that does: it finds out where the run stands, settles its settings
// and has it run.
func (e *engine) run(cmd *cobra.Command, t *runFlags, k *job) error {
	m := k.method
	settle := func() error {
		if k.size != nil {
			return k.size()
		}
		return t.configure(cmd, m, k.given)
	}
	if t.resume && (t.dry || t.print) {
		return errors.New("--dry-run and --print-config are about a run that begins; leave out --resume to see " +
			"what a new one would do, or leave them out to go on with the run in --out")
	}
	if t.print {
		if err := settle(); err != nil {
			return err
		}
		return settings.Write(cmd.OutOrStdout(), m.Settings(), "Settings of spell "+m.Name()+", for --config.")
	}
	if t.out == "" {
		return errors.New("--out is missing: name a folder for checkpoints and the model")
	}
	// Settings that cannot be run are refused before the folder is made.
	if !t.resume {
		if err := settle(); err != nil {
			return err
		}
	}
	options := runner.Options{
		Model:     k.model,
		Adapter:   k.adapter,
		Open:      e.openTraining,
		Available: func() int64 { _, available := machine(); return available },
		Rates:     k.rates,
		Console:   runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet),
	}
	defer options.Console.Done()
	onStatus(cmd.Context(), options.Console.Tell)
	if t.dry {
		if k.rates == nil {
			options.Rates = e.measure
		}
		return runner.DryRun(cmd.Context(), m, t.out, options)
	}
	f, err := runner.Open(cmd.Context(), t.out, t.resume, options.Console.Progress)
	if err != nil {
		return err
	}
	defer f.Close()
	if t.resume {
		if err := f.Config(m.Name(), m.Settings()); err != nil {
			return err
		}
		if err := t.configure(cmd, m, k.given); err != nil {
			return err
		}
	}
	return runner.Run(cmd.Context(), m, f, options)
}
