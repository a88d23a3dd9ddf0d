// Greedy compares the tokens that models find most likely with those that llama.cpp finds:
//
//	go run ./bench/greedy -llama-cli PATH [FOLDER ...]
//
// where PATH is llama.cpp's or ik_llama.cpp's program for generating text, and a FOLDER holds a model as
// Hugging Face lays it out. Without folders they are the small checkpoints of the tests and random models
// of every architecture that GGUF files are written for, with heads of 64 and 128. Each is written as a
// GGUF file in f32, with a vocabulary of its own in which token 17 is the text <17>, so that prompts and
// answers are ids on both sides and no tokenizer comes in between.
//
// The peer keeps keys and values in f16. Where it takes another token, the two are compared by their
// log-probabilities here: nearer than that rounding, they are a tie, and the rest of the answer is left out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"spell/bench/tool"
	"spell/kernels/open"
)

// options are the flags, checked.
type options struct {
	cli     string   // path of the peer
	more    []string // flags for it
	folders []string
	random  bool // and random models
	prompts int
	length  int
}

func parseFlags(args []string, usage io.Writer) (options, error) {
	f := flag.NewFlagSet("greedy", flag.ContinueOnError)
	f.SetOutput(usage)
	var o options
	f.StringVar(&o.cli, "llama-cli", "", "path of llama.cpp's llama-cli")
	more := f.String("flags", "", "further flags for it, such as \"-fa off\"")
	f.IntVar(&o.prompts, "prompts", 4, "prompts of each model")
	f.IntVar(&o.length, "length", 32, "tokens of an answer")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.more, o.folders, o.random = strings.Fields(*more), f.Args(), f.NArg() == 0
	switch {
	case o.cli == "":
		return o, errors.New("-llama-cli is missing; give the path of the program")
	case o.prompts < 1 || o.length < 1:
		return o, errors.New("-prompts and -length must be at least 1")
	}
	if o.random {
		for _, pattern := range []string{"stories260K", "tiny/*"} {
			found, err := filepath.Glob(filepath.Join("tensor/fixture/testdata", pattern))
			if err != nil {
				return o, err
			}
			o.folders = append(o.folders, found...)
		}
		if len(o.folders) == 0 {
			return o, errors.New("the tests' checkpoints are not here; go to the root of the repository or name " +
				"folders")
		}
	}
	return o, nil
}

func main() {
	tool.Main("greedy", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		if err != nil {
			return err
		}
		return run(os.Stdout, o)
	})
}

// run compares every model. A difference is an error, once all were compared.
func run(out io.Writer, o options) error {
	b, err := open.Backend(open.Options{})
	if err != nil {
		return err
	}
	defer b.Close()
	dir, err := os.MkdirTemp("", "greedy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	differing := 0
	for _, m := range o.models(b) {
		w, err := m.load()
		if err != nil {
			return err
		}
		same, err := compare(out, &o, b, w, m.name, filepath.Join(dir, "model.gguf"))
		w.Free()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if !same {
			differing++
		}
	}
	if differing > 0 {
		return fmt.Errorf("%d models answer otherwise in %s", differing, o.cli)
	}
	return nil
}
