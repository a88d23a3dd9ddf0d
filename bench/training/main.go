// Training measures a training step, forward, backward and AdamW, side by side with PyTorch:
//
//	apt-get install --no-install-recommends python3-torch python3-numpy libopenblas0-openmp
//	go run ./bench/training -python /usr/bin/python3
//
// The peer is llama.py, our own model file for PyTorch as Debian has it, in
// f32: the same weights, batches, constants of the optimizer and clipping,
// sequences of 512 tokens. Without -python ours is measured alone.
//
// Rounds take a step of each engine, in an order that rotates, with the FMA peak
// before and after it, which shares are of (on processors whose products of bf16 are
// faster than f32, a share of bf16 can exceed 100 %). Ratios are medians over rounds
// of quotients within a round. Operations are those of our step (kernels/tally), the
// logits that the gradient of the head computes again included.
//
// The peer gets its best setting, where the environment says no other: OpenBLAS
// built for OpenMP, whose threads are PyTorch's own, and kernels for AVX-512, which
// OpenBLAS 0.3.21 does not choose on processors newer than itself and PyTorch 1.13
// not without being told. The program prints which library was loaded.
//
//	go run ./bench/training -python /usr/bin/python3 -models 8m -loss 200
//
// trains both in f32 on batches that can be learned, and prints the
// losses and their largest difference.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"spell/bench/rounds"
	"spell/bench/shapes"
	"spell/bench/tool"
	"spell/model"
	"spell/model/train"
)

// A size is a model with the sequences of a batch.
type size struct {
	name, title string
	config      model.Config
	batch       int
}

var sizes = []size{{"8m", "7.9M", shapes.Llama8M, 8}, {"124m", "124M", shapes.Llama124M, 4}}

const sequence = 512

var optim = train.Optim{LR: 3e-4, Beta1: .9, Beta2: .95, Eps: 1e-8, WeightDecay: .1, ClipNorm: 1}

// options are the flags, checked.
type options struct {
	sizes   []size
	types   []model.Precision
	threads []int
	rounds  int
	loss    int // steps of both, whose losses are compared, instead
	json    bool
	python  string // "" for no peer
}

func parseFlags(args []string, usage io.Writer) (options, error) {
	f := flag.NewFlagSet("training", flag.ContinueOnError)
	f.SetOutput(usage)
	models := f.String("models", "8m,124m", "models: 8m, 124m")
	threads := f.String("threads", "1,2", "thread counts")
	types := f.String("types", "f32,bf16", "precisions of ours")
	batch := f.Int("batch", 0, "sequences of a batch; 0: 8 for 8m, 4 for 124m")
	o := options{}
	f.IntVar(&o.rounds, "rounds", 5, "rounds of measurement")
	f.IntVar(&o.loss, "loss", 0, "train this many steps of 8m in f32 and compare losses, instead")
	f.BoolVar(&o.json, "json", false, "print JSON instead of tables")
	f.StringVar(&o.python, "python", "", "Python with PyTorch, the peer")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.rounds < 1 || o.loss < 0 || *batch < 0 {
		return o, fmt.Errorf("-rounds %d, -loss %d, -batch %d: at least one round, and nothing below 0",
			o.rounds, o.loss, *batch)
	}
	if o.loss > 0 && o.python == "" {
		return o, fmt.Errorf("-loss compares with PyTorch: name its Python with -python; %s", install)
	}
	for s := range strings.SplitSeq(*models, ",") {
		i := slices.IndexFunc(sizes, func(m size) bool { return m.name == s })
		if i < 0 {
			return o, fmt.Errorf("-models %s: %q is neither 8m nor 124m", *models, s)
		}
		m := sizes[i]
		if *batch > 0 {
			m.batch = *batch
		}
		o.sizes = append(o.sizes, m)
	}
	for s := range strings.SplitSeq(*types, ",") {
		p, err := model.ParsePrecision(s)
		if err != nil || p == model.Int8 {
			return o, fmt.Errorf("-types %s: %q is neither f32 nor bf16", *types, s)
		}
		o.types = append(o.types, p)
	}
	var err error
	if o.threads, err = rounds.Numbers("threads", *threads, 1024); err != nil {
		return o, err
	}
	return o, nil
}

func main() {
	tool.Main("training", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		switch {
		case err != nil:
			return err
		case o.loss > 0:
			return compareLosses(os.Stdout, o)
		}
		return run(os.Stdout, o)
	})
}
