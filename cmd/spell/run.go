package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/runner"
	"spell/rl/settings"
)

// runFlags are the flags of a run that trains: where it lives, whether it goes on, and what is laid over
// its settings.
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
	f.BoolVar(&t.dry, "dry-run", false, "say what would be read, file by file, and what the run would take, and stop; "+
		"nothing is made in --out")
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

// lay lays the user's file over the settings of a method, then --set, and then the flags that were
// given: what each of them does.
func (t *runFlags) lay(cmd *cobra.Command, m runner.Method, given map[string]func()) error {
	if t.config != "" {
		raw, err := os.ReadFile(t.config)
		if err != nil {
			return err
		}
		if err := settings.Read(t.config, raw, m.Settings()); err != nil {
			return err
		}
	}
	for _, s := range t.set {
		if err := settings.Set(m.Settings(), s); err != nil {
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

// A job is a run as its command describes it.
type job struct {
	method runner.Method
	model  string            // --model, as it was given
	given  map[string]func() // what the flags do that were given
	read   func() error      // reads the data before size; nil: the method does
	size   func() error      // settles the settings of a run that begins; nil: as the user lays them

	// rates measures the machine, for the time of the run; nil: it is not said.
	rates func(kernels.Backend, tally.Shape) (tally.Rates, error)
}

// run is every command that trains: it finds out where the run stands, settles its settings and has it
// run.
func (e *engine) run(cmd *cobra.Command, t *runFlags, k *job) error {
	m := k.method
	settle := func() error {
		if k.size != nil {
			return k.size()
		}
		return t.configure(cmd, m, k.given)
	}
	if t.resume && (t.dry || t.print) {
		return errors.New("--dry-run and --print-config are about a run that begins; leave out --resume")
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
		Open:      e.openTraining,
		Available: func() int64 { _, available := machine(); return available },
		Rates:     k.rates,
		Console:   runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet),
	}
	if t.dry {
		if k.rates == nil {
			options.Rates = e.measure
		}
		return runner.DryRun(cmd.Context(), m, t.out, options)
	}
	f, err := runner.Open(t.out, t.resume)
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

// measure measures the machine's rates in a second or two, in a quarter of the memory there is.
func (e *engine) measure(b kernels.Backend, s tally.Shape) (tally.Rates, error) {
	workers := e.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if _, available := machine(); available > 0 {
		s.Memory = int(max(1<<20, available/4))
	}
	return tally.Measure(b, s, workers)
}

// openTraining opens the backend for weights that are trained.
func (e *engine) openTraining() (kernels.Backend, model.Precision, error) {
	b, p, err := e.open()
	if err == nil && p == model.Int8 {
		b.Close()
		return nil, p, errors.New("--precision int8 is for generating and scoring; weights that are trained need " +
			"f32 or bf16")
	}
	return b, p, err
}
