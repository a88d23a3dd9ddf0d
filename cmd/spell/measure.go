package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/nano"
	"spell/model/rollout"
	"spell/rl/budget"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/eval"
	"spell/rl/measure"
	"spell/rl/role"
	"spell/rl/runner"
)

// measureFlags are what the user said.
type measureFlags struct {
	modelFlags
	measure.Options
	docs, before, files, prompts string
	asJSON                       bool

	patterns []string // of files
}

func measureCommand(e *engine) *cobra.Command {
	var f measureFlags
	cmd := &cobra.Command{
		Use:   "measure --docs PATH --model DIR [--before DIR]",
		Short: "Measure a model on documents of yours, by questions whose truth a rule knows",
		Long: "measure asks a model questions about documents whose true answers a rule reads from them: what fills\n" +
			"a blank in a sentence, a field of a page, a difference of two numbers, which document says something,\n" +
			"and which of four options fills a blank. They are put over documents of --length tokens and of two,\n" +
			"four and eight times as many, and answered at temperature 0.\n\n" +
			"Then the model asks --asked questions itself, at temperature 0.7: how many can be read, are about a\n" +
			"place of the documents and have a true reference answer, and how many of --n answers to each agree\n" +
			"with the reference. As a verifier it compares as many pairs of answers, which are equal or not.\n\n" +
			"With --before, both models are asked the same, and the paired gains are printed with 95 % intervals,\n" +
			"which draw prompts, since questions about the same documents are alike. --examples shows the first\n" +
			"questions in full. PATH is a folder of text files, one such file, or a corpus of spell corpus.",
		Example: "  spell measure --docs my-documents --model path/to/model\n" +
			"  spell measure --docs my-documents --files held-out --before path/to/model --model mine/step-000060\n" +
			"  spell measure --docs my-documents --model path/to/model --questions 64 --examples 5 --json",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return e.compare(cmd, &f)
		},
	}
	f.flags(cmd)
	c := cmd.Flags()
	c.StringVar(&f.docs, "docs", "", "folder of documents, a file, or a corpus of spell corpus")
	c.StringVar(&f.before, "before", "", "another model to compare with, as of --model")
	c.StringVar(&f.files, "files", "", "only files that match one of these patterns, separated by commas, or\n"+
		"that are in a folder that does: as of a shell, such as reports/*")
	c.StringVar(&f.prompts, "prompts", "", "prompt set: reading, compact, or a folder of one's own like these\n"+
		"(default: compact for "+nano.Path(nano.World)+" and what was trained from it, else reading)")
	c.IntVar(&f.Questions, "questions", 512, "questions over documents of each length")
	c.IntVar(&f.Length, "length", 128, "tokens of the documents of a prompt at first")
	c.IntVar(&f.Lengths, "lengths", 4, "how many lengths, each twice as long as the one before")
	c.IntVar(&f.Asked, "asked", 256, "questions that the model asks, and pairs that it compares; 0: none")
	c.IntVar(&f.Answers, "n", 8, "answers to each question that the model asks")
	c.IntVar(&f.Examples, "examples", 0, "questions of either sort that are shown in full, the first ones")
	c.Uint64Var(&f.Seed, "seed", 1, "random seed")
	c.BoolVar(&f.asJSON, "json", false, "print one JSON object with all counts, outcomes and settings")
	cmd.MarkFlagRequired("docs")
	return cmd
}

// check refuses flags that cannot be meant.
func (f *measureFlags) check(cmd *cobra.Command) (err error) {
	if err := f.modelFlags.check(cmd); err != nil {
		return err
	}
	if cmd.Flags().Changed("files") {
		for pattern := range strings.SplitSeq(f.files, ",") {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				return fmt.Errorf("--files: %q is no pattern of names of files; write a folder's name, or one such as "+
					"reports/*", pattern)
			}
			f.patterns = append(f.patterns, strings.TrimSuffix(pattern, "/"))
		}
	}
	for _, x := range []struct {
		name               string
		value, least, most int
	}{
		{"questions", f.Questions, 1, 1 << 20}, {"length", f.Length, 1, 1 << 24}, {"lengths", f.Lengths, 1, 16},
		{"asked", f.Asked, 0, 1 << 20}, {"n", f.Answers, 1, 512}, {"examples", f.Examples, 0, 1 << 20},
	} {
		if x.value < x.least || x.value > x.most {
			return fmt.Errorf("--%s %d: it must lie between %d and %d", x.name, x.value, x.least, x.most)
		}
	}
	return nil
}

// A contender is a model that is measured.
type contender struct {
	modelFlags
	source *source
	policy eval.Policy
	sizes  []measure.Size // of each length
}

// compare measures the model and, if there is one, the one to compare it with.
func (e *engine) compare(cmd *cobra.Command, f *measureFlags) error {
	b, p, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	console := runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet)
	defer console.Done()
	all := []*contender{{modelFlags: f.modelFlags}}
	if f.before != "" {
		all = []*contender{{modelFlags: modelFlags{dir: f.before, yarn: f.yarn}}, all[0]}
	}
	for _, c := range all {
		if err := c.open(); err != nil {
			return err
		}
		defer c.free()
	}
	plan, settings, err := f.plan(cmd, all, console)
	if err != nil {
		return err
	}
	settings.Precision = p.Name
	for _, c := range all {
		if err := fitsMeasuring(b, c, p, plan.Lengths); err != nil {
			return err
		}
	}
	heed(cmd.Context())
	var outcomes []*measure.Outcome
	for i, c := range all {
		name := ""
		if len(all) > 1 {
			name = [...]string{"before: ", "after: "}[i]
		}
		o, err := e.measured(cmd.Context(), b, p, c, plan, func(doing string, done, total int) {
			console.Progress(name+doing, done, total)
		})
		if err != nil {
			return err
		}
		outcomes = append(outcomes, o)
	}
	var before *measure.Outcome
	if len(outcomes) > 1 {
		before = outcomes[0]
	}
	r := measure.NewReport(settings, plan.Left(), before, outcomes[len(outcomes)-1])
	console.Done()
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(r.Lines(), "\n"))
	return err
}

// open reads what a model is and its tokenizer.
func (c *contender) open() (err error) {
	if c.source, err = c.config(); err != nil {
		return err
	}
	text, err := runner.OpenText(c.at.text, c.source.Vocab)
	if err == nil && text == nil {
		err = runner.NoTokenizer(c.dir, "questions are text; add one")
	}
	if err == nil {
		c.policy.Chat, err = text.Choose("")
	}
	if err != nil {
		c.free()
	}
	return err
}

// plan reads the documents and makes the questions that all models hold.
func (f *measureFlags) plan(cmd *cobra.Command, all []*contender, console *runner.Console) (plan *measure.Plan,
	s measure.Settings, err error) {

	docs, err := readDocuments(cmd, f.docs, func(done, total int) { console.Progress("reading "+f.docs, done, total) })
	if err != nil {
		return nil, s, err
	}
	if len(f.patterns) > 0 {
		var kept []corpus.Document
		for _, d := range docs {
			if corpus.Below(d.Name, f.patterns...) {
				kept = append(kept, d)
			}
		}
		if len(kept) == 0 {
			return nil, s, fmt.Errorf("--files %s is no document's of %s, of which the first is %s", f.files, f.docs,
				docs[0].Name)
		}
		docs = kept
	}
	after := all[len(all)-1]
	most := after.source.Context
	for _, c := range all {
		most = min(most, c.source.Context)
	}
	size := func(text string) int { return len(after.policy.Chat.Tok.Encode(text)) }
	if f.prompts == "" {
		if f.prompts, err = promptsOf(after.policy.Chat.Tok); err != nil {
			return nil, s, err
		}
		if f.prompts == "full" { // whose replies the rule does not know
			f.prompts = "reading"
		}
	}
	prompts, err := role.Load(f.prompts)
	if err != nil {
		return nil, s, fmt.Errorf("--prompts: %w", err)
	}
	if plan, err = measure.New(cmd.Context(), reading.Gather(docs), prompts, size, most, f.Options); err != nil {
		return nil, s, err
	}
	s = measure.Settings{Docs: f.docs, Files: f.patterns, Documents: len(docs), YaRN: f.yarn,
		Prompts: f.prompts, Hash: prompts.Hash()}
	for _, c := range all {
		own := *prompts
		c.policy.Prompts = &own
		if c.policy.Prompts.Thinking, err = c.policy.Chat.Thinks(); err != nil {
			return nil, s, err
		}
		if c.sizes, err = plan.Sizes(cmd.Context(), c.policy); err != nil {
			return nil, s, err
		}
		if err := plan.Fit(c.sizes, c.source.Context); err != nil {
			return nil, s, err
		}
		m := measure.Model{Path: c.dir, Adapter: c.at.adapter}
		if m.Identity, err = runner.Identity(c.at.dir, c.at.adapter); err != nil {
			return nil, s, err
		}
		if c == after {
			s.Model = m
		} else {
			s.Before = &m
		}
	}
	s.Options = plan.Options
	return plan, s, nil
}

// measured loads a model and measures it.
func (e *engine) measured(ctx context.Context, b kernels.Backend, p model.Precision, c *contender, plan *measure.Plan,
	show func(doing string, done, total int)) (*measure.Outcome, error) {

	w, err := c.load(ctx, b, p)
	if err != nil {
		return nil, err
	}
	defer w.Free()
	e.note(w.Notes)
	o := c.options(plan.Lengths)
	o.Stop, o.Seed = runner.EndTokens(w.EOS, c.policy.Chat), plan.Seed
	eng, err := rollout.New(b, w, o)
	if err != nil {
		return nil, err
	}
	defer eng.Free()
	c.policy.Engine = eng
	return plan.Measure(ctx, c.policy, func(doing string) {
		eng.OnProgress = func(done, total, _, _ int) { show(doing, done, total) }
	})
}

// options sizes the engine for so many lengths.
func (c *contender) options(lengths int) rollout.Options {
	const usual = 1 << 15
	o := rollout.Options{Slots: usual, Rows: 1024}
	for _, s := range c.sizes[:lengths] {
		o.Slots = max(o.Slots, s.Slots)
	}
	return o
}

// fitsMeasuring refuses what takes more memory than there is, with what would fit.
func fitsMeasuring(b kernels.Backend, c *contender, p model.Precision, lengths int) error {
	need := func(p model.Precision, lengths int) (budget.Memory, error) {
		return engineNeeds(b, c.source, p, c.options(lengths), rollout.Sampling{Temperature: 1, TopP: 1})
	}
	return refuse(b, func() (budget.Memory, error) { return need(p, lengths) },
		func(fits func(budget.Memory, error) bool) (ways []string) {
			ways = smallerWay(p, func(smaller model.Precision) bool { return fits(need(smaller, lengths)) })
			if most := budget.Largest(1, lengths-1, func(n int) bool { return fits(need(p, n)) }); most > 0 {
				ways = append(ways, fmt.Sprintf("--lengths %d", most))
			}
			return ways
		})
}
