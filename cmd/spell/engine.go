package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/open"
	"spell/kernels/tally"
	"spell/model"
)

// An engine is the flags that every command takes. It opens what they name.
type engine struct {
	backend   string
	workers   int
	precision string
	quiet     bool
	card      string // of a GPU that is not there, to plan for
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
	b, err := open.Backend(open.Options{Name: e.backend, Card: e.card, Workers: e.workers,
		Note: func(s string) { e.note([]string{s}) }})
	return b, p, err
}

// training returns the engine of weights that are trained: int8 is only the precision of what
// generates beside them.
func (e *engine) training() *engine {
	trained := *e
	if e.precision == model.Int8.Name {
		trained.precision = model.F32.Name
	}
	return &trained
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

// note prints sentences about a model that is loaded.
func (e *engine) note(notes []string) {
	if e.quiet {
		return
	}
	for _, n := range notes {
		fmt.Fprintln(os.Stderr, "note:", n)
	}
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
