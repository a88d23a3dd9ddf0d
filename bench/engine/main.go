// Engine measures generation and scoring of whole models, with
// random weights in the shapes of real ones:
//
//	go run ./bench/engine -llama-bench PATH -llama-batched-bench PATH
//
// beside llama.cpp, whose benchmark programs the flags name (recent ones, built for the machine);
// without them ours runs alone. Both read weights of the same shapes and types, int8 standing
// beside Q8_0; llama.cpp's are in GGUF files that the program writes, to a temporary directory or
// to -models, where they stay. llama.cpp has flash attention on and else its own settings: a cache
// of keys and values in f16, passes of 512 tokens.
//
//	prefill    a prompt alone; llama-bench's pp
//	decode     one answer to a prompt of one token; llama-bench's tg
//	group      a long prompt, then answers to it together, then one of them alone;
//	           llama-batched-bench with a shared prompt
//	score      log-probabilities of a document's tokens, which llama-bench has no counterpart of
//
// Answers are greedy, and the time of choosing a token and of its log-probability is part of ours.
// As in bench/gemm, every round measures everything once, with the peaks of the machine: f32 fused
// multiply-adds, bf16 pairs where products take them, and reading memory. Only figures of one round
// are divided by each other, and the tables show medians. Ratios are ours / llama.cpp's. A share is
// that of the operations that kernels/tally counts in the higher of the two peaks, or, for answers,
// of the bytes it counts, weights and keys, in the rate at which the threads read memory; a cache
// that holds much of the weights takes it above 100 %.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"

	"spell/bench/rounds"
	"spell/bench/tool"
	"spell/model"
)

// options are the flags, checked.
type options struct {
	threads        []int
	types          []model.Precision
	shapes         []shape
	kinds          []string
	prompts        []int
	long, score    int // tokens of a group's prompt and of a document
	answers        int
	length         int // tokens of an answer
	rounds         int
	json           bool
	bench, batched string
	models         string
}

// kinds are the measures there are.
var kinds = []string{"prefill", "decode", "group", "score"}

func parseFlags(args []string, usage io.Writer) (options, error) {
	f := flag.NewFlagSet("engine", flag.ContinueOnError)
	f.SetOutput(usage)
	var o options
	threads := f.String("threads", "1,2", "thread counts")
	types := f.String("types", "f32,bf16,int8", "precisions")
	filter := f.String("shapes", "qwen2.5-0.5b,smollm-135m", "models by their shape: "+names())
	measures := f.String("measures", strings.Join(kinds, ","), "what to measure")
	prompts := f.String("prompts", "512,2048", "tokens of prompts")
	f.IntVar(&o.long, "long", 8192, "tokens of the prompt of a group")
	f.IntVar(&o.score, "score", 2048, "tokens of the document that is scored")
	f.IntVar(&o.answers, "answers", 8, "answers of a group")
	f.IntVar(&o.length, "length", 32, "tokens of an answer")
	f.IntVar(&o.rounds, "rounds", 3, "rounds of measurement")
	f.BoolVar(&o.json, "json", false, "print JSON instead of tables")
	f.StringVar(&o.bench, "llama-bench", "", "path of llama.cpp's llama-bench")
	f.StringVar(&o.batched, "llama-batched-bench", "", "path of llama.cpp's llama-batched-bench")
	f.StringVar(&o.models, "models", "", "directory for GGUF files, to be kept")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for _, n := range []struct {
		name     string
		n, least int
	}{
		{"rounds", o.rounds, 1}, {"long", o.long, 1}, {"score", o.score, 2}, {"answers", o.answers, 2},
		{"length", o.length, 1},
	} {
		if n.n < n.least {
			return o, fmt.Errorf("-%s %d: at least %d is needed", n.name, n.n, n.least)
		}
	}
	var err error
	if o.threads, err = rounds.Numbers("threads", *threads, 1024); err != nil {
		return o, err
	}
	if o.prompts, err = rounds.Numbers("prompts", *prompts, 1<<20); err != nil {
		return o, err
	}
	for s := range strings.SplitSeq(*types, ",") {
		p, err := model.ParsePrecision(s)
		if err != nil {
			return o, fmt.Errorf("-types %s: %w", *types, err)
		}
		o.types = append(o.types, p)
	}
	for s := range strings.SplitSeq(*filter, ",") {
		shape, err := named(s)
		if err != nil {
			return o, fmt.Errorf("-shapes %s: %w", *filter, err)
		}
		o.shapes = append(o.shapes, shape)
	}
	for s := range strings.SplitSeq(*measures, ",") {
		if !slices.Contains(kinds, s) {
			return o, fmt.Errorf("-measures %s: %q is none of %s", *measures, s, strings.Join(kinds, ", "))
		}
		o.kinds = append(o.kinds, s)
	}
	return o, nil
}

func main() {
	tool.Main("engine", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		if err != nil {
			return err
		}
		return run(os.Stdout, o)
	})
}

// run measures everything that o asks for and prints it.
func run(out io.Writer, o options) error {
	dir := o.models
	if dir == "" {
		temp, err := os.MkdirTemp("", "engine")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	machine := fmt.Sprintf("%s, %d processors", cpuid.CPU.BrandName, runtime.NumCPU())
	r := report{Machine: machine, Rounds: o.rounds, Notes: o.absent()}
	if !o.json {
		r.writeHeader(out)
	}
	for _, s := range o.shapes {
		for _, p := range o.types {
			groups, err := measureModel(&o, dir, s, p)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", s.name, p.Name, err)
			}
			r.Groups = append(r.Groups, groups...)
			for i := range groups {
				if !o.json {
					groups[i].write(out)
				}
			}
		}
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", " ")
		return e.Encode(r)
	}
	return nil
}

// absent says which peers were not given.
func (o *options) absent() (notes []string) {
	if o.bench == "" {
		notes = append(notes, "llama-bench is absent; give its path with -llama-bench.")
	}
	if o.batched == "" {
		notes = append(notes, "llama-batched-bench is absent; give its path with -llama-batched-bench.")
	}
	return notes
}

// measureModel measures one model in one precision with every number of threads.
func measureModel(o *options, dir string, s shape, p model.Precision) (groups []group, err error) {
	other, err := newPeer(o, dir, s, p)
	if err != nil {
		return nil, err
	}
	w, free, err := newWeights(s.Config, p)
	if err != nil {
		return nil, err
	}
	defer free()
	for _, threads := range o.threads {
		if other != nil {
			other.threads = threads
		}
		g := group{Model: s.name, Type: p.Name, Threads: threads}
		if err := measureThreads(o, w, other, &g); err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// pause lets the threads of what ran before come to rest.
const pause = 20 * time.Millisecond

// measureThreads takes the rounds.
func measureThreads(o *options, w *model.Weights, other *peer, g *group) error {
	was := runtime.GOMAXPROCS(g.Threads)
	defer runtime.GOMAXPROCS(was)
	list := o.measures(w.Vocab)
	e, err := newEngine(w, list, g.Threads)
	if err != nil {
		return err
	}
	defer e.free()
	var steps []func() float64
	step := func(f func() ([]float64, error)) *[][]float64 { // the figures of f by round
		var v [][]float64
		steps = append(steps, func() float64 {
			if err == nil {
				var figures []float64
				figures, err = f()
				v = append(v, figures)
			}
			return 0
		})
		return &v
	}
	peaks := step(func() ([]float64, error) {
		read, _ := e.cpu.Bandwidth(g.Threads, 512<<20)
		return []float64{e.cpu.PeakFMA(g.Threads), e.cpu.PeakDots(g.Threads), read}, nil
	})
	ours, theirs := make([]*[][]float64, len(list)), make([]*[][]float64, len(list))
	for i, m := range list {
		ours[i] = step(func() ([]float64, error) { return m.rates(e) })
		theirs[i] = step(func() ([]float64, error) { return m.peer(other) })
	}
	rounds.Schedule{Rounds: o.rounds, Pause: pause}.Interleave(steps)
	if err != nil {
		return err
	}
	g.peaks(*peaks)
	for i, m := range list {
		costs, err := m.costs(e)
		if err != nil {
			return err
		}
		g.add(&m, costs, *ours[i], *theirs[i])
	}
	return nil
}
