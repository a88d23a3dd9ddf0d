package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	corpora "spell/rl/corpus/build"
	"spell/rl/corpus/format"
	"spell/rl/runner"
	"spell/rl/settings"
)

// corpusFlags are what the user said.
type corpusFlags struct {
	in, bench, set []string
	out, config    string
	model          string
	seed           uint64
	print          bool
}

func corpusCommand(e *engine) *cobra.Command {
	var t corpusFlags
	cmd := &cobra.Command{
		Use:   "corpus --in DIR --out DIR [--bench FILE]",
		Short: "Make clusters of related documents from raw files",
		Long: "corpus reads files of any amount into clusters of related documents, which train takes as --docs:\n" +
			strings.Join(format.Extensions, ", ") + ". Lines of JSON and rows of\n" +
			"CSV and Parquet are a document each. It leaves out documents that do not read like text,\n" +
			"near-duplicates, and what holds text of the benchmarks under --bench; long documents are cut. All that\n" +
			"is left out is named in left-out.jsonl, counted in report.json and summed up in report.txt.\n\n" +
			"Documents are together that use the same words or, with --model, for which that model's last hidden\n" +
			"states, in the mean over all tokens, are alike: a pass of the model over all text.\n\n" +
			"Texts are kept on the disk, in --out, which takes about three times their size until all is done.\n" +
			"However it was ended, the same command goes on to the same bytes.",
		Example: "  spell corpus --in my-documents --out my-corpus\n" +
			"  spell corpus --in crawl.jsonl --in books --out my-corpus --bench benchmarks --set target=12\n" +
			"  spell corpus --in my-documents --out my-corpus --model path/to/model --precision bf16\n" +
			"  spell train --docs my-corpus --model path/to/model --out mine",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.corpus(cmd, &t) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&t.in, "in", nil, "folder or file to read; may be given again")
	f.StringVar(&t.out, "out", "", "folder for the corpus")
	f.StringArrayVar(&t.bench, "bench", nil, "file or folder of a benchmark, also .json; no document may hold its text")
	modelFlag(cmd, &t.model, "vectors of words, without a model")
	f.StringVar(&t.config, "config", "", "YAML or JSON file laid over the settings; --print-config writes one")
	f.StringArrayVar(&t.set, "set", nil, "one setting, as in --set doc_chars=8000; may be given again")
	f.Uint64Var(&t.seed, "seed", 1, "random seed")
	f.BoolVar(&t.print, "print-config", false, "write the settings as a file that --config reads, and stop")
	return cmd
}

// settings returns the settings as the user has them.
func (t *corpusFlags) settings(cmd *cobra.Command) (corpora.Config, error) {
	c := corpora.Default()
	if t.config != "" {
		raw, err := os.ReadFile(t.config)
		if err != nil {
			return c, err
		}
		if err := settings.Read(t.config, raw, &c); err != nil {
			return c, err
		}
	}
	for _, s := range t.set {
		if err := settings.Set(&c, s); err != nil {
			return c, err
		}
	}
	if cmd.Flags().Changed("seed") {
		c.Seed = t.seed
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("no corpus can be made by the settings: %w", err)
	}
	return c, nil
}

func (e *engine) corpus(cmd *cobra.Command, t *corpusFlags) error {
	config, err := t.settings(cmd)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch {
	case t.print:
		return settings.Write(out, &config, "Settings of spell corpus, for --config.")
	case len(t.in) == 0:
		return errors.New("--in is missing: name a folder of documents, or files; see spell help corpus")
	case t.out == "":
		return errors.New("--out is missing: name a folder for the corpus")
	}
	o := corpora.Options{In: t.in, Out: t.out, Bench: t.bench, Config: config, Workers: e.workers}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if t.model != "" {
		x, err := e.embedder(t.model)
		if err != nil {
			return err
		}
		defer x.close()
		if o.Model, err = x.model(); err != nil {
			return err
		}
	}
	console := runner.NewConsole(out, os.Stderr, e.quiet)
	onStatus(cmd.Context(), console.Tell)
	o.OnProgress = console.Progress
	report, again, err := corpora.Run(cmd.Context(), o)
	console.Done()
	if err != nil {
		return err
	}
	if again {
		fmt.Fprintf(out, "%s is finished already, and nothing was done; to read files anew name another --out\n", t.out)
	}
	fmt.Fprintf(out, "%v\n%s says more\n", report, filepath.Join(t.out, corpora.SummaryFile))
	return nil
}
