package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"spell/model"
	"spell/model/train"
	"spell/rl/corpus"
	"spell/rl/pretrain"
)

func pretrainCommand(e *engine) *cobra.Command {
	var docs, out, config string
	var steps int
	var seed uint64
	var resume bool
	cmd := &cobra.Command{
		Use:   "pretrain --out DIR [--docs DIR]",
		Short: "Make a small base model from a folder of text",
		Long: "pretrain trains a tokenizer and a small decoder on the .txt and .md files under --docs.\n" +
			"Without --docs it runs the recipe of the embedded base on the generated world.\n" +
			"{\"moments\": \"int8\"} in --config keeps the optimizer's moments in 2 bytes a parameter, \"bf16\" in 4, not in 8.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			recipe := pretrain.World()
			var texts []string
			if docs != "" {
				recipe = pretrain.Text()
				c, err := corpus.ReadFolder(docs, corpus.Options{DocChars: 1 << 20, MinDocs: 1})
				if err != nil {
					return err
				}
				for _, cl := range c.Clusters {
					for _, d := range cl.Docs {
						texts = append(texts, d.Text)
					}
				}
				fmt.Fprintln(cmd.OutOrStdout(), c.Stats)
			}
			if config != "" {
				raw, err := os.ReadFile(config)
				if err != nil {
					return err
				}
				if err := recipe.Read(raw); err != nil {
					return fmt.Errorf("%s: %w", config, err)
				}
			}
			if cmd.Flags().Changed("seed") {
				recipe.Seed = seed
			}
			if cmd.Flags().Changed("steps") && len(recipe.Stages) > 0 {
				recipe.Stages[len(recipe.Stages)-1].Steps = steps
			}
			if err := recipe.Validate(); err != nil {
				return fmt.Errorf("the recipe cannot be run: %w", err)
			}
			b, p, err := e.open()
			if err != nil {
				return err
			}
			defer b.Close()
			if p == model.Int8 {
				return errors.New("--precision int8 is for generating and scoring; weights that are trained need f32 or bf16")
			}
			_, available := machine()
			if err := recipe.Fit(b, p, available); err != nil {
				return err
			}
			have, err := train.List(out)
			if err != nil {
				return err
			}
			var run *pretrain.Run
			switch {
			case resume && len(have) > 0:
				run, err = pretrain.Resume(out, recipe, b, p, texts)
			case len(have) > 0:
				return fmt.Errorf("%s holds a run already; go on with --resume or choose another --out", out)
			default:
				tok, err := pretrain.Tokenizer(&recipe, texts)
				if err != nil {
					return err
				}
				if run, err = pretrain.New(recipe, b, p, tok, texts); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			return pretrainLoop(cmd, run, out, e.quiet)
		},
	}
	f := cmd.Flags()
	f.StringVar(&docs, "docs", "", "folder of .txt and .md files; empty: the generated world")
	f.StringVar(&out, "out", "", "where checkpoints go")
	f.StringVar(&config, "config", "", "JSON file laid over the recipe")
	f.IntVar(&steps, "steps", 0, "steps of the last stage; as the recipe says where not given")
	f.Uint64Var(&seed, "seed", 1, "random seed")
	f.BoolVar(&resume, "resume", false, "go on from the newest checkpoint in --out")
	cmd.MarkFlagRequired("out")
	return cmd
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
