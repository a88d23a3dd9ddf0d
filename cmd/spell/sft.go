package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"spell/model"
	"spell/model/train"
	"spell/rl/settings"
	"spell/rl/sft"
	"spell/tokenizer/chat"
)

// sftFlags are what the user said.
type sftFlags struct {
	runFlags
	model, data          string
	epochs, steps, batch int
	lr, heldOut          float64
}

func sftCommand(e *engine) *cobra.Command {
	var t sftFlags
	c := sft.Default()
	cmd := &cobra.Command{
		Use:   "sft --data FILE.jsonl [--model DIR] [--out DIR]",
		Short: "Teach a model the answers of a file of prompts and answers",
		Long: "sft fine-tunes a model on FILE, a JSON object a line: {\"prompt\": …, \"answer\": …}, or a conversation\n" +
			"{\"messages\": [{\"role\": \"system\" | \"user\" | \"assistant\", \"content\": …}, …]}. It learns the tokens of the\n" +
			"answers, or of all the assistant's messages, each with the model's end of sequence behind it, and no others.\n" +
			"The loss is their mean negative log-likelihood over the lines of an update.\n\n" +
			"If the model has a chat template, a prompt is a user's turn in it, and an answer follows what the template\n" +
			"opens the reply with; without one both are plain text, one right behind the other. What looks like a special\n" +
			"token is text, but for <think> and </think> in answers. Lines with the same prompt share its computation.\n" +
			"A line that is too long for the model's context or a pass is an error that names it; see \"long\" in\n" +
			"--print-config for other ways. Without --model it trains the embedded base.",
		Example: "  spell sft --data answers.jsonl --model path/to/model --out tuned --epochs 3 --lr 1e-5",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.sft(cmd, t) },
	}
	t.add(cmd, "spell-sft", "checkpoints and metrics")
	f := cmd.Flags()
	f.StringVar(&t.model, "model", "", "Hugging Face model directory; empty: the embedded base")
	f.StringVar(&t.data, "data", "", "file of prompts and answers, a JSON object a line")
	f.IntVar(&t.epochs, "epochs", c.Epochs, "times that every line is learned from")
	f.IntVar(&t.steps, "steps", c.Steps, "updates at most; 0: as many as the epochs have")
	f.IntVar(&t.batch, "batch", c.Batch, "lines of an update")
	f.Float64Var(&t.lr, "lr", c.Optim.LR, "largest learning rate")
	f.Float64Var(&t.heldOut, "held-out", c.HeldOut, "share of the prompts that only measure the loss")
	return cmd
}

// settings are the configuration with the user's file and flags.
func (t *sftFlags) settings(cmd *cobra.Command) (sft.Config, error) {
	c := sft.Default()
	err := t.configure(cmd, &c, map[string]func(){
		"seed":     func() { c.Seed = t.seed },
		"epochs":   func() { c.Epochs = t.epochs },
		"steps":    func() { c.Steps = t.steps },
		"batch":    func() { c.Batch = t.batch },
		"lr":       func() { c.Optim.LR = t.lr },
		"held-out": func() { c.HeldOut = t.heldOut },
	})
	return c, err
}

func (e *engine) sft(cmd *cobra.Command, t sftFlags) error {
	c, err := t.settings(cmd)
	if err != nil {
		return err
	}
	if t.print {
		return settings.Describe(cmd.OutOrStdout(), c)
	}
	if t.data == "" {
		return errors.New("--data is missing: name a file of prompts and answers; see spell help sft")
	}
	going, err := t.going()
	if err != nil {
		return err
	}
	file, err := sft.Read(t.data)
	if err != nil {
		return err
	}
	b, p, err := e.openTrained(c.Moments)
	if err != nil {
		return err
	}
	defer b.Close()
	refuse := func(m model.Config, available int64) error { return c.Fit(b, m, p, available) }
	var run *sft.Run
	if going {
		var at string
		if at, err = train.Newest(t.out); err == nil {
			if err = fits(at, refuse); err == nil {
				run, err = sft.Resume(t.out, c, b, p, file)
			}
		}
	} else {
		var w *model.Weights
		var text *chat.Dialog
		if w, text, err = learner(b, t.model, p, refuse); err == nil {
			run, err = sft.New(c, b, w, text, file)
		}
	}
	if err != nil {
		return err
	}
	defer run.Free()
	if err := os.MkdirAll(t.out, 0o777); err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%d parameters, %s, %s\n%s: %s\n", run.Weights.Config.Params(), b.Name(), p.Name, t.data, run.Summary())
	if t.resume && !going {
		fmt.Fprintf(w, "%s holds no checkpoint yet: starting from the beginning\n", t.out)
	}
	if err := e.learn(cmd, run, t.out); err != nil {
		return err
	}
	if m := run.Measured(); len(m) == 2 {
		fmt.Fprintf(w, "held-out loss, before → after: %.4f → %.4f (perplexity %.4g → %.4g)\n", m[0].Loss, m[1].Loss, math.Exp(m[0].Loss), math.Exp(m[1].Loss))
	}
	fmt.Fprintf(w, "model: %s\n", filepath.Join(t.out, train.Name(run.Steps())))
	return nil
}

// learn makes updates to the end or to Ctrl-C.
func (e *engine) learn(cmd *cobra.Command, run *sft.Run, out string) error {
	show := newProgress(e.quiet)
	run.OnPhase = show.update
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	stopped := func(err error) error {
		if !errors.Is(err, context.Canceled) {
			return err
		}
		if err := run.Save(out); err != nil {
			return err
		}
		return fmt.Errorf("%w after update %d; go on with the same command and --resume", errInterrupted, run.Steps())
	}
	start, first, saved := time.Now(), run.Steps(), run.Steps()
	measured := false // since it was saved
	since := window{began: time.Now()}
	for {
		if run.Due() {
			m, err := run.Measure(ctx)
			show.clear()
			if err != nil {
				return stopped(err)
			}
			if !e.quiet {
				fmt.Fprintf(w, "%d/%d  held-out loss %.4f over %d tokens\n", m.Step, run.Total(), m.Loss, m.Tokens)
			}
			if err := run.Log(out, m); err != nil {
				return err
			}
			measured = true
		}
		if n := run.Steps(); n > saved && (n%run.Config.Checkpoint == 0 || run.Done()) || measured && run.Done() {
			if err := run.Save(out); err != nil {
				return err
			}
			saved, measured = n, false
		}
		if run.Done() {
			return nil
		}
		show.prior = fmt.Sprintf("update %d/%d%s  ", run.Steps()+1, run.Total(), eta(start, run.Steps()-first, run.Total()-run.Steps()))
		rep, err := run.Step(ctx)
		show.clear()
		if err != nil {
			return stopped(err)
		}
		if err := run.Log(out, rep); err != nil {
			return err
		}
		if since.add(rep); !e.quiet && (since.full() || run.Done()) {
			fmt.Fprintf(w, "%d/%d  %v\n", rep.Step, run.Total(), &since)
			since = window{began: time.Now()}
		}
	}
}

// A window is the updates since a line was last printed.
type window struct {
	sft.Report
	loss            float64
	tokens, learned int
	began           time.Time
}

// full says whether it is time for another line: not more often than every other second.
func (s *window) full() bool { return time.Since(s.began) > 2*time.Second }

func (s *window) add(r sft.Report) {
	s.Report = r
	s.loss += r.Loss * float64(r.Learned)
	s.tokens += r.Tokens
	s.learned += r.Learned
}

// String has the loss of all its updates.
func (s *window) String() string {
	r := s.Report
	r.Loss = s.loss / float64(s.learned)
	return fmt.Sprintf("%v  %.0f tokens/s", r, float64(s.tokens)/time.Since(s.began).Seconds())
}
