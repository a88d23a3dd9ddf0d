// Geometry takes real shapes of decoders, with random weights, through everything that a run does, and
// holds the memory that is resident beside the plan's:
//
//	go run ./bench/geometry
//	go run ./bench/geometry -models qwen2.5-0.5b -layers 24 -questions 4 -answers 8 -answer 128 -prompt 4096
//
// The first line makes a checkpoint of two layers at the widths and the vocabulary of Qwen2.5-7B, Qwen3-4B,
// Llama-3.1-8B and Qwen3-30B-A3B, and with each: scores a text in f32, bf16 and int8; makes a step of
// self-play with adapters over weights of the three types; and with all weights, in f32 and bf16, with
// moments of the same and in int8. The second line is all of Qwen2.5-0.5B.
//
// A row is a process of its own, in which the program's own parts load the model, play, update and save, as
// spell train and spell score do. What random weights say is noise, from which nothing can be learned:
// the tokens that are drawn are exchanged for those of a script, in which every output has the length that
// the settings allow. Memory is anonymous and resident, the most of a hundred looks a second; the plan is
// that of spell plan.
//
// A result is a line of -out as soon as it is there, and what has one is not measured again: a run that
// was ended goes on where it was, and a line that is removed is measured anew. A row that the machine has
// no memory for, by the plan, is named and leaves no line.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"spell/bench/tool"
	"spell/rl/runner"
)

// options are the flags, checked.
type options struct {
	models  []string
	layers  int
	rows    []string // names of ways; none: all
	sizes   sizes
	dir     string
	out     string
	only    string // a row as JSON: this process measures it and prints its result
	printed bool   // only print the table of what there is
}

func parseFlags(args []string, usage io.Writer) (o options, err error) {
	f := flag.NewFlagSet("geometry", flag.ContinueOnError)
	f.SetOutput(usage)
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.name
	}
	var all []string
	for _, w := range ways {
		all = append(all, w.name())
	}
	list := f.String("models", strings.Join(names[:4], ","), "models: "+strings.Join(names, ", "))
	f.IntVar(&o.layers, "layers", 2, "layers of each")
	rows := f.String("rows", "", "rows: "+strings.Join(all, ", ")+"; empty: all")
	f.IntVar(&o.sizes.Prompt, "prompt", 2048, "tokens of a prompt")
	f.IntVar(&o.sizes.Questions, "questions", 1, "questions of a step")
	f.IntVar(&o.sizes.Answers, "answers", 4, "answers to a question, and votes on each")
	f.IntVar(&o.sizes.Answer, "answer", 64, "tokens of a question and of an answer; votes have a quarter")
	f.BoolVar(&o.sizes.Recompute, "recompute", true, "compute activations again on the way back, as all layers would")
	f.StringVar(&o.dir, "dir", "", "folder to work in, which stays; empty: a temporary one")
	f.StringVar(&o.out, "out", filepath.Join("bench", "geometry", "results.jsonl"), "file of results")
	f.StringVar(&o.only, "only", "", "a row as JSON, to be measured by this process alone, in -dir")
	f.BoolVar(&o.printed, "table", false, "print the table of the results there are, and measure nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for name := range strings.SplitSeq(*list, ",") {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("-models %s: %q is none of %s", *list, name, strings.Join(names, ", "))
		}
		o.models = append(o.models, name)
	}
	for name := range strings.FieldsFuncSeq(*rows, func(r rune) bool { return r == ',' }) {
		if !slices.Contains(all, name) {
			return o, fmt.Errorf("-rows %s: %q is none of %s", *rows, name, strings.Join(all, ", "))
		}
		o.rows = append(o.rows, name)
	}
	if s := o.sizes; o.layers < 1 || s.Prompt < 16 || s.Questions < 1 || s.Answers < 2 || s.Answer < 1 {
		return o, errors.New("-layers, -questions and -answer are at least 1, -answers 2 and -prompt 16")
	}
	return o, nil
}

// plan returns the rows to measure of a model.
func (o *options) plan(name string) (list []row) {
	for _, w := range ways {
		if len(o.rows) > 0 && !slices.Contains(o.rows, w.name()) {
			continue
		}
		w.Model, w.Layers, w.sizes = name, o.layers, o.sizes
		if w.Phase == "score" {
			w.sizes = sizes{Prompt: o.sizes.Prompt}
		}
		list = append(list, w)
	}
	return list
}

func main() {
	tool.Main("geometry", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		return o.run(ctx)
	})
}

func (o *options) run(ctx context.Context) error {
	if o.only != "" {
		return o.one(ctx)
	}
	have, err := tool.Results[result](o.out)
	if err != nil {
		return err
	}
	if o.dir == "" && !o.printed {
		if o.dir, err = os.MkdirTemp("", "spell-geometry-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	var list []result
	var failed error
	for _, name := range o.models {
		at := workplace{filepath.Join(o.dir, fmt.Sprintf("%s-%d", name, o.layers))}
		for _, r := range o.plan(name) {
			i := slices.IndexFunc(have, func(h result) bool { return h.row == r })
			switch {
			case i >= 0:
				list = append(list, have[i])
			case !o.printed && ctx.Err() == nil:
				res, ok, err := o.add(ctx, r, at)
				if err != nil { // others may do better
					failed = errors.Join(failed, fmt.Errorf("%s, %s: %w", name, r.name(), err))
				}
				if ok {
					list = append(list, res)
				}
			}
		}
	}
	table(os.Stdout, list)
	return failed
}

// add measures a row and adds its result to the file; ok is false if there is none.
func (o *options) add(ctx context.Context, r row, at workplace) (res result, ok bool, err error) {
	if err = prepare(r, at); err == nil {
		res, err = apart(ctx, r, at)
	}
	if err != nil {
		return res, false, err
	}
	if res.Refused != "" {
		fmt.Fprintf(os.Stderr, "%s, %s: left out: %s\n", r.Model, r.name(), res.Refused)
		return res, false, nil
	}
	return res, true, tool.Add(o.out, &res)
}

// prepare makes the model and the documents of a row, unless they are there.
func prepare(r row, at workplace) error {
	shape := models[slices.IndexFunc(models, func(d decoder) bool { return d.name == r.Model })].shape
	shape.Layers = r.Layers
	if _, err := os.Stat(at.checkpoint()); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "writing %s, %d layers\n", r.Model, r.Layers)
		half := at.checkpoint() + ".half"
		if err := writeCheckpoint(half, shape); err != nil {
			return err
		}
		if err := os.Rename(half, at.checkpoint()); err != nil {
			return err
		}
	}
	if r.Phase == "score" {
		return nil
	}
	documents := at.documents(r.sizes)
	if _, err := os.Stat(documents); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text, err := runner.TextOf(at.checkpoint(), shape.Vocab)
	if err != nil {
		return err
	}
	half := documents + ".half"
	if err := writeDocuments(half, text.Tok, r.sizes); err != nil {
		return err
	}
	return os.Rename(half, documents)
}

// apart measures a row in a process of its own.
func apart(ctx context.Context, r row, at workplace) (res result, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return res, err
	}
	self, err := os.Executable()
	if err != nil {
		return res, err
	}
	fmt.Fprintf(os.Stderr, "%s, %d layers, %s\n", r.Model, r.Layers, r.name())
	var out bytes.Buffer
	child := exec.CommandContext(ctx, self, "-only", string(text), "-dir", at.dir)
	child.Stdout, child.Stderr = &out, os.Stderr
	if err := child.Run(); err != nil {
		return res, err
	}
	return res, json.Unmarshal(out.Bytes(), &res)
}

// one measures the row that this process is for.
func (o *options) one(ctx context.Context) error {
	var r row
	if err := json.Unmarshal([]byte(o.only), &r); err != nil {
		return err
	}
	res, err := measure(ctx, r, workplace{o.dir})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(res)
}
