package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl"
	"spell/rl/corpus"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/rl/settings"
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
		Long: "train runs self-play (SPELL) over the .txt and .md files under --docs: a sub-folder is a cluster of\n" +
			"related documents, a flat folder is cut into clusters by similarity. Without --model it trains the\n" +
			"embedded base, without --docs it uses a generated world, whose truth it knows and reports.\n" +
			"--precision int8 generates with an int8 copy of weights that are trained in f32.",
		Example: "  spell train\n" +
			"  spell train --docs my-documents --model path/to/model --out mine\n" +
			"  spell train --docs my-documents --model path/to/model --out mine --resume",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.train(cmd, t) },
	}
	t.add(cmd, "spell-run", "checkpoints, transcript and metrics")
	f := cmd.Flags()
	f.StringVar(&t.model, "model", "", "Hugging Face model directory; empty: the embedded base")
	f.StringVar(&t.docs, "docs", "", "folder of documents; empty: the generated world")
	f.IntVar(&t.steps, "steps", 0, "steps of self-play; as configured where not given")
	f.IntVar(&t.questions, "eval", heldOutQuestions, "held-out questions before and after, on the generated world; 0: none")
	return cmd
}

// settings are the preset with the user's file and flags.
func (t *trainFlags) settings(cmd *cobra.Command) (rl.Config, error) {
	c := rl.Default()
	if t.model == "" {
		c = rl.Small()
	}
	err := t.configure(cmd, &c, map[string]func(){
		"seed":  func() { c.Seed = t.seed },
		"steps": func() { c.Steps = t.steps },
	})
	return c, err
}

func (e *engine) train(cmd *cobra.Command, t trainFlags) error {
	c, err := t.settings(cmd)
	if err != nil {
		return err
	}
	c.Int8 = c.Int8 || e.precision == model.Int8.Name
	if t.print {
		return settings.Describe(cmd.OutOrStdout(), c)
	}
	going, err := t.going()
	if err != nil {
		return err
	}
	docs, judge, err := t.documents(c, cmd)
	if err != nil {
		return err
	}
	b, p, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	if p == model.Int8 {
		p = model.F32
	}
	p.Moments = c.Moments
	var run *rl.Run
	if going {
		var at string
		if at, err = train.Newest(t.out); err == nil {
			if err = fits(at, t.refuse(c, b, p)); err == nil {
				run, err = rl.Resume(t.out, c, b, p, docs, judge)
			}
		}
	} else {
		run, err = t.begin(c, b, p, docs, judge)
	}
	if err != nil {
		return err
	}
	defer run.Free()
	if err := os.MkdirAll(t.out, 0o777); err != nil {
		return err
	}
	clusters, documents, unread := run.Documents()
	how := p.Name
	if c.Int8 {
		how += ", generating in int8"
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d parameters, %s, %s; %d documents in %d clusters fit a prompt, %d do not\n", run.Weights.Config.Params(), b.Name(), how, documents, clusters, unread)
	if t.resume && !going {
		fmt.Fprintf(cmd.OutOrStdout(), "%s holds no checkpoint yet: starting from the beginning\n", t.out)
	}
	test := tester{cmd: cmd, run: run, questions: t.questions}
	if test.options, err = t.testing(c, run.Weights.Context); err != nil {
		return err
	}
	when := "before"
	if run.Steps() > 0 {
		when = fmt.Sprintf("at step %d", run.Steps())
	}
	if err := test.ask(when); err != nil {
		return stopped(err, run)
	}
	if err := e.steps(cmd, run, t.out); err != nil {
		return err
	}
	if run.Steps() == 0 {
		return nil // none were asked for: there is no model and no transcript
	}
	if err := test.ask("after"); err != nil {
		return stopped(err, run)
	}
	test.compare(when)
	distinct, readable, err := rl.Distinct(t.out)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d different questions among %d readable ones in the whole run\n", distinct, readable)
	fmt.Fprintf(cmd.OutOrStdout(), "model: %s\ntranscript: %s\n", filepath.Join(t.out, train.Name(run.Steps())), filepath.Join(t.out, rl.TranscriptFile))
	return nil
}

// documents reads the user's folder, or generates the world and its judge.
func (t *trainFlags) documents(c rl.Config, cmd *cobra.Command) (*corpus.Corpus, rl.Judge, error) {
	if t.docs != "" {
		docs, report, err := folder.Read(cmd.Context(), t.docs, folder.Options{DocChars: c.DocChars, MaxDocs: c.MaxDocs})
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintln(cmd.OutOrStdout(), report)
		return docs, nil, nil
	}
	w, err := world.NewCorpus(c.Seed, worldClusters, world.Options{Docs: longDocs, Chains: true})
	if err != nil {
		return nil, nil, err
	}
	return &w.Corpus, eval.Judge{Corpus: w}, nil
}

// worldClusters is how many clusters of the generated world a run trains on. Their documents are as many as in the longer
// of its tests.
const worldClusters = 600

// begin loads model and tokenizer.
func (t *trainFlags) begin(c rl.Config, b kernels.Backend, p model.Precision, docs *corpus.Corpus, judge rl.Judge) (*rl.Run, error) {
	w, text, err := learner(b, t.model, p, t.refuse(c, b, p))
	if err != nil {
		return nil, err
	}
	run, err := rl.New(c, b, w, text, docs, judge)
	if err != nil {
		w.Free()
	}
	return run, err
}

// refuse is why a run on a model cannot be, or does not fit in memory.
func (t *trainFlags) refuse(c rl.Config, b kernels.Backend, p model.Precision) func(model.Config, int64) error {
	return func(m model.Config, available int64) error {
		test, err := t.testing(c, m.Context)
		if err != nil {
			return err
		}
		plan, err := rl.NewPlan(b, m, p, c, test)
		if err != nil {
			return err
		}
		return plan.Fit(b, test, available)
	}
}

// steps runs self-play to the end or to Ctrl-C.
func (e *engine) steps(cmd *cobra.Command, run *rl.Run, out string) error {
	show := newProgress(e.quiet)
	run.OnPhase = show.update
	ctx := cmd.Context()
	start, first := time.Now(), run.Steps()
	var truth rl.Truth
	defer func() {
		if truth.Drawn > 0 {
			fmt.Fprintln(cmd.OutOrStdout(), &truth)
		}
	}()
	for run.Steps() < run.Config.Steps {
		show.prior = fmt.Sprintf("step %d/%d%s  ", run.Steps()+1, run.Config.Steps, eta(start, run.Steps()-first, run.Config.Steps-run.Steps()))
		rep, records, err := run.Step(ctx)
		show.clear()
		if errors.Is(err, context.Canceled) {
			if err := run.Save(out); err != nil {
				return err
			}
			return stopped(err, run)
		} else if err != nil {
			return err
		}
		if rep.Truth != nil {
			truth.Add(rep.Truth)
		}
		if !e.quiet {
			fmt.Fprintln(cmd.OutOrStdout(), rep)
		}
		if err := run.Log(out, rep, records); err != nil {
			return err
		}
		if run.Steps()%run.Config.Checkpoint == 0 || run.Steps() == run.Config.Steps {
			if err := run.Save(out); err != nil {
				return err
			}
		}
	}
	return nil
}

// stopped turns a cancellation into how to go on.
func stopped(err error, run *rl.Run) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w after step %d; go on with the same command and --resume", errInterrupted, run.Steps())
	}
	return err
}

func eta(start time.Time, done, left int) string {
	if done == 0 {
		return ""
	}
	return fmt.Sprintf(", %v left", (time.Since(start) / time.Duration(done) * time.Duration(left)).Round(time.Second))
}
