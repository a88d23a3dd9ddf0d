package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spell/rl/plural"
	"spell/rl/runner"
	"spell/rl/transcript"
)

// outcomes are what may become of a question.
var outcomes = []string{"good", "all right", "all wrong", "ungrounded", "too long", "repeated", "skipped",
	"contradicted", "bad format", "failed"}

// inspectFlags are what the user said.
type inspectFlags struct {
	step, question, limit, chars int
	outcome, task                string
}

func inspectCommand() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect RUN [--step N] [--question K] [--outcome NAME] [--task NAME]",
		Short: "Show the questions of a run with their answers, votes and rewards",
		Long: "inspect prints what a run of self-play wrote down in RUN/transcript.jsonl, question by question:\n" +
			"the question and its reference answer, what became of it, every answer with its votes and its reward,\n" +
			"and what of it trained. --chars shows the prompts, too. On a terminal it waits after each question.\n" +
			"A question is\n" + strings.Join(outcomes[:len(outcomes)-1], ", ") + " or " + outcomes[len(outcomes)-1] + ".",
		Example: "  spell inspect runs/mine --step 12 --outcome \"all wrong\"\n" +
			"  spell inspect runs/mine --step 3 --question 7 --chars 2000",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name the folder of one run, which it was given as --out")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return inspect(cmd, args[0], &f) },
	}
	p := cmd.Flags()
	p.IntVar(&f.step, "step", -1, "questions of this step alone, 0: asked ahead of the first; -1: all")
	p.IntVar(&f.question, "question", -1, "the question of this number alone, as the first line of each says it")
	p.StringVar(&f.outcome, "outcome", "", "questions of which this became alone")
	p.StringVar(&f.task, "task", "", "questions of this kind alone, such as general_qa")
	p.IntVar(&f.limit, "limit", 0, "how many questions to show at most; 0: all")
	p.IntVar(&f.chars, "chars", 0, "characters of prompts and outputs at most; 0: outputs whole, and no prompts")
	return cmd
}

func inspect(cmd *cobra.Command, run string, f *inspectFlags) error {
	if f.outcome != "" && !slices.Contains(outcomes, f.outcome) {
		return fmt.Errorf("--outcome %q is none; name one of %s", f.outcome, strings.Join(outcomes, ", "))
	}
	path := filepath.Join(run, runner.TranscriptFile)
	out := cmd.OutOrStdout()
	var keys *bufio.Reader
	if terminal(os.Stdin) && terminal(os.Stdout) {
		keys = bufio.NewReader(os.Stdin)
	}
	shown, seen := 0, 0
	for q, err := range transcript.Questions(path) {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s has no %s: RUN is the folder that a run of spell train was given as --out", run,
				runner.TranscriptFile)
		}
		if err != nil {
			return err
		}
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		seen++
		if !f.wants(q) {
			continue
		}
		if f.limit > 0 && shown == f.limit {
			break
		}
		if shown > 0 && keys != nil {
			fmt.Fprint(os.Stderr, "Enter: the next question, q: no more ")
			if line, err := keys.ReadString('\n'); err != nil || strings.HasPrefix(line, "q") {
				return nil
			}
		}
		if err := q.Print(out, f.chars); err != nil {
			return err
		}
		shown++
	}
	if shown == 0 {
		return fmt.Errorf("%s has %s, and none is such a one", path, plural.Of(seen, "question"))
	}
	return nil
}

// wants reports whether a question is one of those that were asked for.
func (f *inspectFlags) wants(q *transcript.Question) bool {
	if f.step >= 0 && q.Step != f.step || f.question >= 0 && q.Number != f.question {
		return false
	}
	if f.outcome == "" && f.task == "" {
		return true
	}
	return q.Ask != nil && (f.outcome == "" || q.Ask.Outcome == f.outcome) &&
		(f.task == "" || q.Ask.Task.String() == f.task)
}
