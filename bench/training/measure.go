package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/klauspost/cpuid/v2"

	"spell/bench/rounds"
	"spell/kernels/cpu"
	"spell/model"
)

// run measures everything that o asks for and prints it.
func run(out io.Writer, o options) error {
	debug.SetGCPercent(400)
	r := report{Machine: fmt.Sprintf("%s, %d processors", cpuid.CPU.BrandName, runtime.NumCPU()), Rounds: o.rounds}
	if o.python == "" {
		r.Peer = "none: name a Python with PyTorch with -python; " + install
	}
	for _, s := range o.sizes {
		for _, threads := range o.threads {
			c, err := measure(&r, s, threads, o)
			if err != nil {
				return err
			}
			r.Cases = append(r.Cases, c...)
		}
	}
	return r.write(out, o.json)
}

// pause lets threads of the engine before stop spinning: OpenBLAS's do for some 30 ms.
const pause = 50 * time.Millisecond

// measure is a model on some threads: ours in every type, in turns with the peer.
func measure(r *report, s size, threads int, o options) (cases []result, err error) {
	runtime.GOMAXPROCS(threads)
	k, err := cpu.New(cpu.Options{Workers: threads})
	if err != nil {
		return nil, err
	}
	defer k.Close()
	defer debug.FreeOSMemory()
	batches := source(s.config.Vocab, 2, s.batch, sequence)
	var measures []func() float64
	var peaks []float64 // of the round at work
	var failed error
	tokens := float64(s.batch * sequence)
	// add measures the tokens a second of a step, and appends the peak around it.
	add := func(name string, step func() (float64, float64, error)) error {
		if _, _, err := step(); err != nil { // packs weights, touches memory
			return fmt.Errorf("%s, %s: %w", s.title, name, err)
		}
		measures = append(measures, func() float64 {
			before := k.PeakFMA(threads)
			seconds, _, err := step()
			peaks = append(peaks, (before+k.PeakFMA(threads))/2)
			if err != nil {
				failed = errors.Join(failed, err)
				return math.NaN()
			}
			return tokens / seconds
		})
		return nil
	}
	for _, p := range o.types {
		c := result{Model: s.title, Type: p.Name, Threads: threads}
		if c.flops, err = flops(s.config, p, batches); err != nil {
			return nil, err
		}
		c.flops /= tokens
		m, err := fresh(k, s.config, p, batches)
		if err != nil {
			return nil, err
		}
		defer m.free()
		if err := add(p.Name, m.step); err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	if o.python != "" {
		p, err := peerOf(k, s, threads, batches, o.python)
		if err != nil {
			return nil, err
		}
		defer p.close()
		r.Peer = p.about
		if err := add("PyTorch", p.step); err != nil {
			return nil, err
		}
	}
	peakOf := make([][]float64, len(measures))
	for i, m := range measures {
		measures[i] = func() float64 {
			peaks = peaks[:0]
			f := m()
			peakOf[i] = append(peakOf[i], peaks...)
			return f
		}
	}
	rates := rounds.Schedule{Rounds: o.rounds, Pause: pause}.Interleave(measures)
	for i := range cases {
		var theirs []float64
		if o.python != "" {
			theirs = rates[len(cases)]
		}
		cases[i].close(rates[i], peakOf[i], theirs)
	}
	return cases, failed
}

// peerOf starts the peer on the weights that ours begins with, in f32.
func peerOf(k *cpu.Backend, s size, threads int, batches []batch, python string) (*peer, error) {
	dir, err := os.MkdirTemp("", "training")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // Python has read both files when it answers
	w, err := model.NewWeights(k, s.config, model.F32, model.Inference)
	if err != nil {
		return nil, err
	}
	defer w.Free()
	w.Initialize(k, 1, initial)
	file := filepath.Join(dir, "exchange.safetensors")
	if err := writeExchange(file, k, w, batches, optim); err != nil {
		return nil, err
	}
	return startPeer(python, file, threads)
}
