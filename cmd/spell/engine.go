package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/open"
	"spell/model"
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
