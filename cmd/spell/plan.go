package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/cuda"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/runner"
	selfplay "spell/rl/spell"
)

// planFlags are what the user said.
type planFlags struct {
	trainFlags
	prompt, group, answer int
	batch, groups         int
	memory                float64
	card                  string
	asJSON                bool
}

func planCommand(e *engine) *cobra.Command {
	var p planFlags
	cmd := &cobra.Command{
		Use:   "plan [--model DIR] [--docs DIR]",
		Short: "Say what memory, time and disk a run of train would take, without running it",
		Long: "plan runs the program on a backend without memory and prints whether a run fits, what it takes,\n" +
			"and every arena that train would map; at rates measured now, about how long the run and a step take.\n" +
			"A model's config.json is enough. A run that does not fit is refused with the smallest changes with\n" +
			"which it would. Its settings are those of train: --preset, --hours, --config and --set.\n" +
			"--backend cuda plans for the GPU that there is, and --card for one that is elsewhere, in any build:\n" +
			"rates are then those of its data sheet, so that a run takes longer than it says.",
		Example: "  spell plan --model path/to/model --docs my-documents\n" +
			"  spell plan --model config.json --set max_prompt=8192 --memory 64\n" +
			"  spell plan --model config.json --card rtx4090 --lora 16 --base int8 --precision bf16",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.plan(cmd, &p) },
	}
	f := cmd.Flags()
	p.describe(cmd)
	f.StringVar(&p.config, "config", "", "YAML or JSON file laid over the settings, as for train")
	f.StringArrayVar(&p.set, "set", nil, "one setting, as for train: --set max_prompt=2048")
	f.IntVar(&p.prompt, "prompt", 0, "max_prompt, with pass_tokens and cache_tokens as small as that allows")
	f.IntVar(&p.group, "group", 0, "answers, and votes no more than that; cache_tokens as small as that allows")
	f.IntVar(&p.answer, "answer", 0, "max_answer, and max_question and max_vote no more than that")
	f.IntVar(&p.batch, "batch", 0, "batch_tokens")
	f.IntVar(&p.groups, "groups", 0, "questions")
	f.Float64Var(&p.memory, "memory", 0, "plan for a machine with so many GiB free; 0: this one, or any with --card")
	f.StringVar(&p.card, "card", "", "plan for another GPU: "+cuda.Cards())
	f.BoolVar(&p.asJSON, "json", false, "print one JSON object")
	return cmd
}

// given returns what the flags do that were given: those of train and the short ones of plan.
func (p *planFlags) given(m *selfplay.Method, e *engine) map[string]func() {
	c := &m.Config
	tight := func(prompt, answers, answer int) func() {
		return func() {
			room := c.BatchTokens
			*c = c.Tight(prompt, answers, answer)
			c.BatchTokens = max(c.BatchTokens, min(room, c.Answers*c.MaxAnswer))
			if p.batch > 0 { // the flags are taken in any order
				c.BatchTokens = p.batch
			}
		}
	}
	given := p.trainFlags.given(m, e)
	given["prompt"], given["group"] = tight(p.prompt, 0, 0), tight(0, p.group, 0)
	given["answer"] = tight(0, 0, p.answer)
	given["groups"] = func() { c.Questions = p.groups }
	given["batch"] = func() { c.BatchTokens = p.batch }
	return given
}

// check refuses flags without sense.
func (p *planFlags) check(cmd *cobra.Command) error {
	for _, f := range []struct {
		name string
		n    int
	}{{"prompt", p.prompt}, {"group", p.group}, {"answer", p.answer}, {"batch", p.batch}, {"groups", p.groups}} {
		if f.n < 0 || cmd.Flags().Changed(f.name) && f.n == 0 {
			return fmt.Errorf("--%s is %d; it must be positive", f.name, f.n)
		}
	}
	if !(p.memory >= 0 && p.memory <= 1<<30) {
		return fmt.Errorf("--memory is %g; it must be a number of GiB", p.memory)
	}
	return nil
}

func (e *engine) plan(cmd *cobra.Command, p *planFlags) error {
	if err := p.check(cmd); err != nil {
		return err
	}
	m, preset, err := p.method()
	if err != nil {
		return err
	}
	if p.memory > 0 || p.card != "" {
		was := machine
		defer func() { machine = was }()
		machine = func() (int64, int64) { total, _ := was(); return total, int64(p.memory * (1 << 30)) }
	}
	k := &job{method: m, given: p.given(m, e), read: func() error { return p.read(cmd, m) }}
	trained := e.training()
	trained.card = p.card
	k.rates = e.measure
	p.print = true // what the sizes became is part of the plan
	if preset.Hours > 0 {
		err = trained.size(cmd, &p.trainFlags, k, preset)
	} else {
		err = p.configure(cmd, m, k.given)
	}
	if err == nil {
		err = k.read()
	}
	if err != nil {
		return withoutGPU(err)
	}
	b, prec, err := trained.openTraining()
	if err != nil {
		return withoutGPU(err)
	}
	defer b.Close()
	return p.show(cmd, k, b, prec)
}

// withoutGPU adds to the error of a machine that has no GPU how to plan for one.
func withoutGPU(err error) error {
	if cuda.IsAbsent(err) {
		return fmt.Errorf("%w, or plan for a GPU that is elsewhere with --card and one of %s", err, cuda.Cards())
	}
	return err
}

// read reads the documents, if they are there: a plan can be made without them.
func (p *planFlags) read(cmd *cobra.Command, m *selfplay.Method) error {
	if _, err := os.Stat(p.docs); p.docs != "" && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return m.Read(cmd.Context(), "", runner.NewConsole(cmd.ErrOrStderr(), os.Stderr, true))
}

// show prints the plan of a job, and returns the error of one that does not fit.
func (p *planFlags) show(cmd *cobra.Command, k *job, b kernels.Backend, prec model.Precision) error {
	m := k.method.(*selfplay.Method)
	shape, err := m.Shape()
	if err != nil {
		return err
	}
	if prec, err = m.Config.LoRA.Precision(prec); err != nil {
		return err
	}
	total, available := machine()
	var rates tally.Rates
	plan, at, refused, err := runner.Estimate(cmd.Context(), m, b, shape, prec, ".", runner.Options{
		Available: func() int64 { return available },
		Rates: func(b kernels.Backend, s tally.Shape) (_ tally.Rates, err error) {
			rates, err = k.rates(b, s)
			return rates, err
		},
	})
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if p.asJSON {
		o := newPlanned(m.Config, plan, at, rates, refused)
		o.Parameters, o.Precision, o.Kernels, o.Memory = shape.Params(), prec.Name, b.Name(), total
		return errors.Join(refused, printJSON(out, o))
	}
	if err := plan.Write(out, at, refused); err != nil {
		return err
	}
	how := prec.Name
	if m.Config.Int8 {
		how += ", generating in int8"
	}
	if m.Config.LoRA.Rank > 0 {
		how += fmt.Sprintf(" with adapters of rank %d", m.Config.LoRA.Rank)
	}
	fmt.Fprintf(out, "\n%d parameters, %s, %s\n", shape.Params(), b.Name(), how)
	source := "measured now"
	if _, ok := b.(tally.Known); ok {
		source = "of the data sheet, of which a run reaches a part"
	}
	return errors.Join(refused, assumptions(out, &m.Config, rates, source))
}

// assumptions writes what a plan was made for: the settings that it follows from, and rates and their source.
func assumptions(out io.Writer, c *selfplay.Config, r tally.Rates, source string) error {
	fmt.Fprintf(out, "steps %d, questions %d, draw %d, answers %d, votes %d\n",
		c.Steps, c.Questions, c.Draw, c.Answers, c.Votes)
	fmt.Fprintf(out, "pass_tokens %d, batch_tokens %d, cache_tokens %d\n", c.PassTokens, c.BatchTokens, c.CacheTokens)
	fmt.Fprintf(out, "max_prompt %d, max_question %d, max_answer %d, max_vote %d; outputs are taken to have a third\n",
		c.MaxPrompt, c.MaxQuestion, c.MaxAnswer, c.MaxVote)
	f := &r.Flops
	fmt.Fprintf(out, "rates %s: products %.0f GFLOP/s, their gradients %.0f and %.0f, ", source,
		f[tally.Product], f[tally.ProductGradX], f[tally.ProductGradW])
	fmt.Fprintf(out, "attention %.0f, backward %.0f\n", f[tally.Attend], f[tally.AttendGrad])
	_, err := fmt.Fprintf(out, "multiply-adds on registers %.0f; memory reads %.1f GB/s, updates %.1f\n",
		r.Peak, r.Read, r.Update)
	return err
}
