// Package open chooses a backend at run time. It lies beside the backends rather than in
// package kernels because they import kernels.
package open

import (
	"fmt"

	"spell/kernels"
	"spell/kernels/cpu"
)

// Options are what a user may say about the backend.
type Options struct {
	Name    string // "auto", "cpu" or "cuda"; empty is auto
	Workers int    // CPU worker goroutines; 0: one a processor
}

// Backend opens the backend named, or the best one there is.
func Backend(o Options) (kernels.Backend, error) {
	if o.Workers < 0 {
		return nil, fmt.Errorf("--workers %d: it must not be negative", o.Workers)
	}
	switch o.Name {
	case "", "auto", "cpu":
		b, err := cpu.New(cpu.Options{Workers: o.Workers})
		if err != nil {
			return nil, err
		}
		return b, nil
	case "cuda":
		return nil, fmt.Errorf("--backend cuda: this program was built without CUDA; use --backend cpu")
	}
	return nil, fmt.Errorf("--backend %q is unknown; use auto, cpu or cuda", o.Name)
}
