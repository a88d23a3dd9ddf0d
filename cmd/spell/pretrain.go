package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"spell/rl/corpus/folder"
	"spell/rl/pretrain"
	"spell/rl/settings"
	"spell/tokenizer"
)

// pretrainFlags are what the user said.
type pretrainFlags struct {
	runFlags
	docs  string
	steps int
}

func pretrainCommand(e *engine) *cobra.Command {
	var t pretrainFlags
	cmd := &cobra.Command{
		Use:   "pretrain --out DIR [--docs DIR]",
		Short: "Make a small base model from a folder of text",
		Long: "pretrain trains a tokenizer and a small decoder on the .txt and .md files under --docs.\n" +
			"Without --docs it runs the recipe of the embedded base on the generated world.\n" +
			"{\"moments\": \"int8\"} in --config keeps the optimizer's moments in 2 bytes a parameter, \"bf16\" in 4, not in 8.",
		Example: "  spell pretrain --out base\n  spell pretrain --docs my-documents --out mine",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.pretrain(cmd, t) },
	}
	t.add(cmd, "", "checkpoints")
	f := cmd.Flags()
	f.StringVar(&t.docs, "docs", "", "folder of .txt and .md files; empty: the generated world")
	f.IntVar(&t.steps, "steps", 0, "steps of the last stage; as the recipe says where not given")
	return cmd
}

// recipe is the preset with the user's file and flags.
func (t *pretrainFlags) recipe(cmd *cobra.Command) (pretrain.Recipe, error) {
	r := pretrain.World()
	if t.docs != "" {
		r = pretrain.Text()
	}
	err := t.configure(cmd, &r, map[string]func(){
		"seed": func() { r.Seed = t.seed },
		"steps": func() {
			if n := len(r.Stages); n > 0 {
				r.Stages[n-1].Steps = t.steps
			}
		},
	})
	return r, err
}

func (e *engine) pretrain(cmd *cobra.Command, t pretrainFlags) error {
	recipe, err := t.recipe(cmd)
	if err != nil {
		return err
	}
	if t.print {
		return settings.Describe(cmd.OutOrStdout(), recipe)
	}
	if t.out == "" {
		return errors.New("--out is missing: name a directory for checkpoints and the model")
	}
	going, err := t.going()
	if err != nil {
		return err
	}
	texts, err := t.texts(cmd)
	if err != nil {
		return err
	}
	b, p, err := e.openTrained(recipe.Moments)
	if err != nil {
		return err
	}
	defer b.Close()
	var tok *tokenizer.Tokenizer
	if going {
		tok, err = pretrain.SavedTokenizer(t.out)
	} else {
		tok, err = pretrain.Tokenizer(&recipe, texts)
	}
	if err != nil {
		return err
	}
	_, available := machine()
	if err := recipe.Fit(b, p, tok, available); err != nil {
		return err
	}
	var run *pretrain.Run
	if going {
		run, err = pretrain.Resume(t.out, recipe, b, p, texts)
	} else {
		run, err = pretrain.New(recipe, b, p, tok, texts)
	}
	if err != nil {
		return err
	}
	return pretrainLoop(cmd, run, t.out, e.quiet)
}

// texts reads the user's folder; the generated world has none.
func (t *pretrainFlags) texts(cmd *cobra.Command) (texts []string, err error) {
	if t.docs == "" {
		return nil, nil
	}
	c, report, err := folder.Read(cmd.Context(), t.docs, folder.Options{DocChars: 1 << 20, MinDocs: 1})
	if err != nil {
		return nil, err
	}
	for _, cl := range c.Clusters {
		for _, d := range cl.Docs {
			texts = append(texts, d.Text)
		}
	}
	fmt.Fprintln(cmd.OutOrStdout(), report)
	return texts, nil
}

// pretrainLoop steps to the end, or to Ctrl-C, saving as it goes.
func pretrainLoop(cmd *cobra.Command, run *pretrain.Run, out string, quiet bool) error {
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	fmt.Fprintf(w, "%d parameters, vocabulary %d, %s\n", run.Weights.Config.Params(), run.Weights.Vocab, run.Backend.Name())
	var tokens int
	last := time.Now()
	if run.Done() {
		if err := run.Gates(ctx, w); errors.Is(err, context.Canceled) {
			return interrupted(run)
		} else if err != nil {
			return err
		}
	}
	for !run.Done() {
		line, err := run.Step(ctx)
		if errors.Is(err, context.Canceled) {
			if err := run.Save(out); err != nil {
				return err
			}
			return interrupted(run)
		} else if err != nil {
			return err
		}
		if tokens == 0 {
			tokens = line.Tokens
		}
		if !quiet && (line.Total%100 == 0 || line.Total == 1) {
			rate := float64(line.Tokens-tokens) / time.Since(last).Seconds()
			last, tokens = time.Now(), line.Tokens
			fmt.Fprintf(w, "%v  %.0f tokens/s\n", line, rate)
		}
		if line.Total%run.Recipe.Checkpoint == 0 || run.Done() {
			if err := run.Save(out); err != nil {
				return err
			}
			if err := run.Gates(ctx, w); errors.Is(err, context.Canceled) {
				return interrupted(run)
			} else if err != nil {
				return err
			}
		}
	}
	dir := filepath.Join(out, "model")
	if err := run.Export(dir); err != nil {
		return err
	}
	fmt.Fprintf(w, "model: %s\n", dir)
	return nil
}

// interrupted says how to go on after Ctrl-C.
func interrupted(run *pretrain.Run) error {
	return fmt.Errorf("%w after %d steps; go on with the same command and --resume", errInterrupted, run.Steps())
}
