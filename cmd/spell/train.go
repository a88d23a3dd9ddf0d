package main

import (
	"github.com/spf13/cobra"

	"spell/model"
	selfplay "spell/rl/spell"
)

// trainFlags are what the user said.
type trainFlags struct {
	runFlags
	model, docs      string
	steps, questions int
}

func trainCommand(e *engine) *cobra.Command {
	var t trainFlags
	cmd := &cobra.Command{
		Use:   "train [--model DIR] [--docs DIR] [--out DIR]",
		Short: "Improve a model on documents by self-play",
		Long: "train runs self-play (SPELL) over the text files under --docs: a sub-folder is a cluster of\n" +
			"related documents, a flat folder is cut into clusters by similarity, and long files are cut at\n" +
			"paragraphs. Without --model it trains the embedded base, without --docs it uses a generated world,\n" +
			"whose truth it knows and reports.\n" +
			"--precision int8 generates with an int8 copy of weights that are trained in f32.",
		Example: "  spell train\n" +
			"  spell train --docs my-documents --model path/to/model --out mine\n" +
			"  spell train --docs my-documents --model path/to/model --out mine --resume",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := t.method()
			return e.train(cmd, &t, m)
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
	f.StringVar(&t.model, "model", "", "Hugging Face model folder; empty: the embedded base")
	f.StringVar(&t.docs, "docs", "", "folder of documents; empty: the generated world")
	f.IntVar(&t.questions, "eval", 0, "held-out questions before and after, on the generated world; 0: none "+
		"(default: as in the settings)")
}

// method returns self-play with the preset that suits the model.
func (t *trainFlags) method() *selfplay.Method {
	m := &selfplay.Method{Config: selfplay.Default(), Model: t.model, Docs: t.docs}
	if t.model == "" {
		m.Config = selfplay.Small()
	}
	return m
}

// given returns what the flags do that were given.
func (t *trainFlags) given(m *selfplay.Method, e *engine) map[string]func() {
	return map[string]func(){
		"precision": func() { m.Config.Int8 = e.precision == model.Int8.Name },

		"steps": func() { m.Config.Steps = t.steps },
		"eval":  func() { m.Config.HeldOut = t.questions },
	}
}

func (e *engine) train(cmd *cobra.Command, t *trainFlags, m *selfplay.Method) error {
	trained := *e
	if e.precision == model.Int8.Name { // of what generates
		trained.precision = model.F32.Name
	}
	return trained.run(cmd, &t.runFlags, m, t.model, t.given(m, e))
}
