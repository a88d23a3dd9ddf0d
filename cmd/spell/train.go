package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/budget"
	"spell/rl/runner"
	selfplay "spell/rl/spell"
)

// trainFlags are what the user said.
type trainFlags struct {
	runFlags
	adapterFlags
	model, docs, preset string
	hours               float64
	steps, questions    int
	heldOut             float64
}

func trainCommand(e *engine) *cobra.Command {
	var t trainFlags
	cmd := &cobra.Command{
		Use:   "train [--model DIR] [--docs DIR] [--out DIR]",
		Short: "Improve a model on documents by self-play",
		Long: "train runs self-play (SPELL) over the text files under --docs: a sub-folder is a cluster of\n" +
			"related documents, a flat folder is cut into clusters by similarity, and long files are cut at\n" +
			"paragraphs. Without --docs it uses a generated world, whose truth it knows and reports: --eval is how\n" +
			"many held-out questions it asks about it. Over documents the model asks them itself, before the\n" +
			"first step, of the clusters that --held-out keeps out, and is measured on those that are of use;\n" +
			"with by_rule, as in --preset documents, a rule makes them. Without --model it trains the embedded\n" +
			"base that reads documents, embedded:text, or, without --docs, that of the generated world,\n" +
			"embedded:world.\n" +
			"--preset names the settings to begin from. With a model that is not embedded, quick and laptop are\n" +
			"sized once, when a run begins, to the time and memory there is; a run that goes on (--resume) keeps\n" +
			"the settings it began with, whatever --preset and --hours say.\n" +
			"--precision int8 generates with an int8 copy of weights that are trained in f32. --lora 16 trains\n" +
			"adapters of that rank beside weights that stay as they are, and --base int8 keeps those in eight\n" +
			"bits; a checkpoint is then a folder as PEFT saves it, and needs the model of --model beside it.\n" +
			"Ctrl-\\ (SIGQUIT), where there is such a signal, says what a run is doing, how far it is and when it\n" +
			"last moved. spell help " + metricsTopic + " explains the numbers that it writes for each step.",
		Example: "  spell train\n" +
			"  spell train --docs my-documents --model path/to/model --out mine --hours 4\n" +
			"  spell train --docs my-documents --model path/to/model --out mine --resume",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.train(cmd, &t)
		},
	}
	t.add(cmd, "spell-run", "checkpoints, transcript and metrics")
	t.describe(cmd)
	cmd.Flags().IntVar(&t.steps, "steps", 0, "steps of self-play (default: as in the settings)")
	return cmd
}

// describe describes the flags that train and plan have in common.
func (t *trainFlags) describe(cmd *cobra.Command) {
	f := cmd.Flags()
	modelFlag(cmd, &t.model, baseFor("documents")+" with --docs, else "+baseFor(""))
	f.StringVar(&t.docs, "docs", "", "folder of documents, or a corpus of spell corpus; empty: the generated world")
	f.StringVar(&t.preset, "preset", "", selfplay.Presets+
		"\n(default: documents for embedded:text and what was trained from it,\nembedded for embedded:world, "+
		"laptop for other models)")
	f.Float64Var(&t.hours, "hours", 0, "size steps, questions and lengths to take about so long; "+
		"0: as the preset says")
	t.adapterFlags.describe(cmd)
	f.IntVar(&t.questions, "eval", 0, "held-out questions before and after; 0: none (default: as in the settings)")
	f.Float64Var(&t.heldOut, "held-out", selfplay.Default().HeldOutShare, "share of the clusters of --docs to keep "+
		"out and measure on; 0: none")
}

// method returns self-play with the preset that suits the model, or the one that was named.
func (t *trainFlags) method() (*selfplay.Method, selfplay.Preset, error) {
	if t.model == "" && !t.resume { // a run that goes on has its own
		t.model = baseFor(t.docs)
	}
	of, err := kindOf(t.model)
	if err != nil {
		return nil, selfplay.Preset{}, err
	}
	p, err := selfplay.PresetNamed(t.preset, of, t.hours)
	m := &selfplay.Method{OnModel: runner.OnModel{Path: t.model, Adapter: t.adapter}, Config: p.Config, Docs: t.docs}
	_, m.Memory = memory()
	if err == nil && !t.resume {
		err = t.read(m.OnModel)
	}
	return m, p, err
}

// given returns what the flags do that were given.
func (t *trainFlags) given(m *selfplay.Method, e *engine) map[string]func() {
	given := t.adapterFlags.given(&m.Config.LoRA)
	given["precision"] = func() { m.Config.Int8 = e.precision == model.Int8.Name }
	given["steps"] = func() { m.Config.Steps = t.steps }
	given["held-out"] = func() { m.Config.HeldOutShare = t.heldOut }
	given["eval"] = func() { m.Config.HeldOut = t.questions }
	return given
}

func (e *engine) train(cmd *cobra.Command, t *trainFlags) error {
	m, p, err := t.method()
	if err != nil {
		return err
	}
	if t.resume && !e.quiet && given(cmd, "preset", "hours") > 0 {
		console := runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet)
		console.Note("--preset and --hours choose sizes when a run begins; with --resume it keeps its own, " +
			"and they do nothing")
	}
	t.say(e)
	trained := e.training()
	k := &job{method: m, model: t.model, adapter: t.adapter, given: t.given(m, e)}
	if !e.quiet && (!m.IsWorld() || t.hours > 0) { // the base for the generated world takes minutes
		k.rates = e.measure
	}
	if p.Hours > 0 && !t.resume {
		k.size = func() error { return trained.size(cmd, t, k, p) }
	}
	return trained.run(cmd, &t.runFlags, k)
}

// size settles the settings of a run that begins with a preset that is sized: it measures the
// machine once and says what it chose. They are those of the run from then on.
func (e *engine) size(cmd *cobra.Command, t *trainFlags, k *job, p selfplay.Preset) error {
	m := k.method.(*selfplay.Method)
	if err := t.lay(cmd, m, k.given); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if t.print { // a file, and nothing else
		out = io.Discard
	}
	console := runner.NewConsole(out, os.Stderr, e.quiet)
	onStatus(cmd.Context(), console.Tell)
	read := k.read
	if read == nil {
		read = func() error { return m.Read(cmd.Context(), "", console) }
	}
	err := read()
	if console.Done(); err != nil {
		return err
	}
	shape, err := m.Shape()
	if err != nil {
		return err
	}
	b, prec, err := e.openTraining()
	if err != nil {
		return err
	}
	defer b.Close()
	if prec, err = m.Config.LoRA.Precision(prec); err != nil {
		return err
	}
	rates, err := e.measure(b, budget.ShapeOf(&shape, &prec, p.Config.PassTokens))
	if err != nil {
		return err
	}
	_, available := machine()
	s := selfplay.Sizing{Backend: b, Model: shape, Precision: prec, Memory: available, Hours: p.Hours, Rates: rates,
		Lay: func(c *selfplay.Config) error {
			m.Config = *c
			err := t.lay(cmd, m, k.given)
			*c = m.Config
			return err
		}}
	inTime, err := m.Size(cmd.Context(), s, p.Config)
	if err != nil {
		return err
	}
	if !inTime {
		console.Note(fmt.Sprintf("no sizes are small enough for %g hours on this machine; these are the smallest, "+
			"and the run takes longer", p.Hours))
	}
	if !e.quiet {
		k.rates = func(kernels.Backend, tally.Shape) (tally.Rates, error) { return rates, nil }
		fmt.Fprintln(out, selfplay.Sized(p, &m.Config))
	}
	return nil
}
