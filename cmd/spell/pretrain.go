package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spell/rl/pretrain"
)

// pretrainFlags are what the user said.
type pretrainFlags struct {
	runFlags
	docs   string
	recipe string
	steps  int
}

func pretrainCommand(e *engine) *cobra.Command {
	var t pretrainFlags
	cmd := &cobra.Command{
		Use:   "pretrain --out DIR [--docs DIR]",
		Short: "Make a small base model from a folder of text",
		Long: "pretrain trains a tokenizer and a small decoder on the text files under --docs, or on what spell\n" +
			"corpus made of others.\n" +
			"Without --docs it runs the recipe of the embedded base on the generated world.\n" +
			"--recipe reading makes a base that asks and answers questions about the documents.\n" +
			`{"moments": "int8"} in --config keeps the optimizer's moments in 2 bytes a parameter,` + "\n" +
			`"bf16" in 4, not in 8.`,
		Example: "  spell pretrain --out base\n  spell pretrain --docs my-documents --out mine",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.pretrain(cmd, t) },
	}
	t.add(cmd, "", "checkpoints")
	f := cmd.Flags()
	f.StringVar(&t.docs, "docs", "", "folder of text files, or a corpus of spell corpus; empty: the generated world")
	f.StringVar(&t.recipe, "recipe", "text", "what --docs are for: text, to go on with, or reading, to ask about")
	f.IntVar(&t.steps, "steps", 0, "steps of the last stage; as the recipe says if not given")
	return cmd
}

func (e *engine) pretrain(cmd *cobra.Command, t pretrainFlags) error {
	m := &pretrain.Method{Config: pretrain.World(), Docs: t.docs}
	if t.docs != "" {
		m.Config = pretrain.Text()
		_, m.Memory = memory()
	}
	switch {
	case t.recipe == "reading" && t.docs != "":
		m.Config = pretrain.Reading()
	case t.recipe == "reading":
		return errors.New("--recipe reading makes questions about the documents of a folder; name one with --docs")
	case t.recipe != "text":
		return fmt.Errorf("--recipe is %q; use text or reading", t.recipe)
	}
	k := &job{method: m, given: map[string]func(){
		"steps": func() {
			if n := len(m.Config.Stages); n > 0 {
				m.Config.Stages[n-1].Steps = t.steps
			}
		},
	}}
	if t.docs != "" && !t.resume && !e.quiet {
		k.rates = e.measure
	}
	return e.run(cmd, &t.runFlags, k)
}
