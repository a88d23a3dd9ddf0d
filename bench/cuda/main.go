// Cuda measures and checks the backend for GPUs on a machine that has one, beside PyTorch. It is a part of
// cuda.sh, which builds and runs everything:
//
//	bench/cuda.sh build FOLDER   here, with Go, g++ and NVRTC
//	bench/cuda.sh run FOLDER     there, where neither Go nor a compiler need be
//
// Run by itself it takes a step and appends lines of JSON to a file, or prints the tables of such a file.
// Times are medians of ten samples of at least 20 ms, over random numbers, with operands that rotate
// through more memory than the caches have. Memory is what was allocated, the context's own left out, as
// PyTorch counts it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"spell/bench/tool"
	"spell/kernels"
	"spell/kernels/cuda"
	"spell/kernels/cuda/cudatest"
)

// measured are the steps that have problems, and steps all of them.
var (
	measured = []string{"ceilings", "gemm", "attention", "decode", "delta", "train", "update", "selfplay"}
	steps    = append([]string{"device", "probe", "bits", "write-bits", "emulator", "table"}, measured...)
)

// options are the flags.
type options struct {
	step, out, bits, note string
	tiny, list, failed    bool
}

func parseFlags(args []string, usage io.Writer) (o options, err error) {
	f := flag.NewFlagSet("cuda", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.step, "step", "", "what to do: "+strings.Join(steps, ", "))
	f.StringVar(&o.out, "out", "results.jsonl", "file of results, to which lines are appended")
	f.StringVar(&o.bits, "bits", "bits.gob", "file of the emulated device's outputs")
	f.StringVar(&o.note, "note", "", "append a line that says this of the step, and do nothing")
	f.BoolVar(&o.failed, "failed", false, "with -note: the step failed")
	f.BoolVar(&o.tiny, "tiny", false, "sizes for an emulated device")
	f.BoolVar(&o.list, "list", false, "print the problems of the step as JSON, for a peer")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.note == "" && !slices.Contains(steps, o.step):
		return o, fmt.Errorf("-step %q is none of %s", o.step, strings.Join(steps, ", "))
	}
	return o, nil
}

func main() {
	tool.Main("cuda", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		if err != nil {
			return err
		}
		return o.run(os.Stdout)
	})
}

// run takes the step.
func (o *options) run(w io.Writer) (err error) {
	switch {
	case o.note != "":
		return appendResult(o.out, result{problem: problem{Step: o.step, Case: "-"}, Engine: ours, Note: o.note,
			Failed: o.failed})
	case o.step == "table":
		list, err := readResults(o.out)
		if err != nil {
			return err
		}
		return printTables(w, list)
	case o.step == "emulator":
		library, err := cudatest.Library(cudatest.Device{})
		if err == nil {
			_, err = fmt.Fprintln(w, library)
		}
		return err
	}
	s := realSizes()
	if o.tiny {
		s = tinySizes()
	}
	var list []problem
	if slices.Contains(measured, o.step) {
		if list, err = s.problems(o.step); err != nil {
			return err
		}
	}
	if o.list {
		for _, p := range list {
			if err := json.NewEncoder(w).Encode(p); err != nil {
				return err
			}
		}
		return nil
	}
	return o.onDevice(list)
}

// onDevice takes a step that needs a device. A fault of it is an error.
func (o *options) onDevice(list []problem) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *kernels.Fault:
			err = r
		default:
			panic(r)
		}
	}()
	b, err := cuda.Open(cuda.Options{})
	if err != nil {
		return err
	}
	defer b.Close()
	keep := func(results ...result) error {
		for _, r := range results {
			if err := appendResult(o.out, r); err != nil {
				return err
			}
		}
		return nil
	}
	if o.step == "probe" {
		results, err := runProbe(b, o.tiny)
		return errors.Join(err, keep(results...))
	}
	l, err := newLab(b, o.tiny)
	if err != nil {
		return err
	}
	switch o.step {
	case "device":
		return keep(result{problem: problem{Step: "device", Case: b.Name()}, Engine: ours, Note: "opened"})
	case "write-bits":
		return l.writeOutputs(o.bits)
	case "bits":
		results, err := l.compareOutputs(o.bits)
		return errors.Join(err, keep(results...))
	}
	for _, p := range list {
		r, err := l.measure(&p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Case, err)
		}
		if err := keep(r); err != nil {
			return err
		}
	}
	return nil
}
