// Package open chooses a backend at run time. It lies beside the backends rather than in
// package kernels because they import kernels.
package open

import (
	"fmt"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/cuda"
)

// Options hold what a user may say about the backend.
type Options struct {
	Name    string // "auto", "cpu" or "cuda"; empty is auto
	Card    string // of cuda, a GPU that is elsewhere: the backend is one to plan with; see cuda.OnCard
	Workers int    // CPU worker threads; 0: one per processor
	// Note, if not nil, is told why "auto" leaves a GPU unused that is there.
	Note func(string)
}

// maxWorkers is more than any machine has processors; every worker holds a thread.
const maxWorkers = 1024

// Backend opens the backend named, or the best one there is.
func Backend(o Options) (kernels.Backend, error) {
	if o.Workers < 0 || o.Workers > maxWorkers {
		return nil, fmt.Errorf("--workers %d: it must lie between 0 and %d", o.Workers, maxWorkers)
	}
	if o.Card != "" {
		switch o.Name {
		case "", "auto", "cuda":
			return cuda.OnCard(o.Card)
		case "cpu":
			return nil, fmt.Errorf("--card %s is a GPU and --backend says cpu: leave out one of them", o.Card)
		}
	}
	switch o.Name {
	case "", "auto":
		b, err := cuda.Open(cuda.Options{})
		if err == nil {
			return b, nil
		}
		if o.Note != nil && !cuda.IsAbsent(err) {
			o.Note(fmt.Sprintf("computing on the CPU: %v", err))
		}
		return host(o)
	case "cpu":
		return host(o)
	case "cuda":
		b, err := cuda.Open(cuda.Options{})
		if err != nil {
			return nil, fmt.Errorf("--backend cuda: %w; use --backend cpu", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("--backend %q is unknown; use auto, cpu or cuda", o.Name)
}

// host opens the CPU backend.
func host(o Options) (kernels.Backend, error) {
	b, err := cpu.New(cpu.Options{Workers: o.Workers})
	if err != nil {
		return nil, err
	}
	return b, nil
}
