package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/rl/budget"
	"spell/rl/plural"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// scoreFlags are what the user said.
type scoreFlags struct {
	modelFlags
	ids    string
	text   textFlags
	asJSON bool
}

func scoreCommand(e *engine) *cobra.Command {
	s := scoreFlags{text: textFlags{flag: "text"}}
	cmd := &cobra.Command{
		Use:   "score --model DIR (--text TEXT | --file PATH | --ids FILE)",
		Short: "Print the log-probability of each token given those before it",
		Long: "score prints the natural log-probability of every token but the first, which has nothing\n" +
			"before it, and their perplexity. A text is taken as generate takes a prompt without --chat:\n" +
			"after the begin-of-text token if the model has one, with special tokens recognised. FILE holds\n" +
			"token ids as JSON, [1, 2, 3] as tokenize prints them or {\"ids\": [1, 2, 3]}. --json prints the\n" +
			"most likely next token after each, too, and null for a log-probability of minus infinity.\n" +
			"--yarn is for texts beyond the context of a model whose config.json has no rope_scaling.",
		Example: "  spell score --model path/to/model --text \"The ferry leaves at nine.\"\n" +
			"  spell score --model path/to/model --file chapter.txt --json\n" +
			"  spell tokenize --model path/to/model --text Hello | spell score --model path/to/model --ids -",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if given(cmd, "text", "file", "ids") != 1 {
				return errors.New("name one of --text TEXT, --file PATH and --ids FILE")
			}
			if err := s.check(cmd); err != nil {
				return err
			}
			return e.score(cmd, &s)
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&s.text.text, "text", "", "the text to score; -: read it from standard input")
	f.StringVar(&s.text.file, "file", "", "file with the text to score; -: standard input")
	f.StringVar(&s.ids, "ids", "", "JSON file with the token ids to score; -: standard input")
	f.BoolVar(&s.asJSON, "json", false, "print {\"logprob_of_next\": […], \"argmax\": […]}")
	return cmd
}

func (e *engine) score(cmd *cobra.Command, s *scoreFlags) error {
	var ids []int32
	var err error
	what := "the text"
	if cmd.Flags().Changed("ids") {
		if ids, what, err = readIDs(cmd, s.ids); err != nil {
			return err
		}
	}
	b, p, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := s.config()
	if err != nil {
		return err
	}
	defer s.free()
	var text *chat.Dialog
	if ids == nil {
		if text, err = runner.OpenText(s.at.text, m.Vocab); err != nil {
			return err
		}
		if ids, err = s.encode(cmd, text); err != nil {
			return err
		}
	}
	if err := checkIDs(what, s.dir, ids, m.Vocab, m.Context); err != nil {
		return err
	}
	if len(ids) < 2 {
		return fmt.Errorf("%s has one token, with nothing before it: there is nothing to score; give more", what)
	}
	f := forest.Forest{{Parent: -1, Tokens: ids, Scored: true}}
	if err := fitsScoring(b, m, p, len(ids)); err != nil {
		return err
	}
	w, err := s.load(cmd.Context(), b, p)
	if err != nil {
		return err
	}
	defer w.Free()
	e.note(slices.Concat(w.Notes, text.Notes()))
	out, err := scoreIDs(cmd.Context(), b, w, f)
	if err != nil {
		return fmt.Errorf("%s: %w", s.dir, err)
	}
	if s.asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(out)
	} else {
		err = out.print(cmd.OutOrStdout(), ids, text)
	}
	if err != nil {
		return err
	}
	return e.mismatch(cmd.Context(), b, w, &s.modelFlags, comparison{
		needs: func(p model.Precision) (budget.Memory, error) {
			return scoringNeeds(b, m, p, forest.Limits{Batch: len(ids)})
		},
		measure: func(stored *model.Weights) (fmt.Stringer, error) { return out.compare(cmd.Context(), b, stored, f) },
	})
}

// encode returns the ids of the text to score.
func (s *scoreFlags) encode(cmd *cobra.Command, text *chat.Dialog) ([]int32, error) {
	if text == nil {
		return nil, runner.NoTokenizer(s.dir, "it works by token ids only; use --ids")
	}
	t, err := s.text.read(cmd)
	if err != nil {
		return nil, err
	}
	return append(text.Tok.Begin(), text.Tok.EncodeSpecial(t)...), nil
}

// A scoring is what score prints.
type scoring struct {
	LogProb logProbs `json:"logprob_of_next"`
	Argmax  []int32  `json:"argmax"`
}

// logProbs are log-probabilities. JSON has no number for infinite ones and gets null.
type logProbs []float32

// MarshalJSON writes them as a list.
func (l logProbs) MarshalJSON() ([]byte, error) {
	list := make([]*float32, len(l))
	for i := range l {
		if !math.IsInf(float64(l[i]), 0) {
			list[i] = &l[i]
		}
	}
	return json.Marshal(list)
}

// print writes a line per token: its place, id and log-probability, and, of a text, what it stands
// for.
func (s *scoring) print(out io.Writer, ids []int32, text *chat.Dialog) error {
	sum := 0.0
	for i, lp := range s.LogProb {
		piece := ""
		if text != nil {
			piece = fmt.Sprintf("\t%q", text.Tok.Decode(ids[i+1:i+2]))
		}
		if _, err := fmt.Fprintf(out, "%d\t%d\t%.6f%s\n", i+1, ids[i+1], lp, piece); err != nil {
			return err
		}
		sum += float64(lp)
	}
	n := len(s.LogProb)
	_, err := fmt.Fprintf(out, "%s scored, log-probability %.4f, perplexity %.4f\n", plural.Of(n, "token"), sum,
		perplexity(sum, n))
	return err
}

func perplexity(logProb float64, n int) float64 {
	if n == 0 {
		return math.NaN()
	}
	return math.Exp(-logProb / float64(n))
}

// scoreIDs scores the one segment of f.
func scoreIDs(ctx context.Context, b kernels.Backend, w *model.Weights, f forest.Forest) (*scoring, error) {
	d, err := model.NewScorer(b, w, forest.Limits{Batch: f.Tokens()})
	if err != nil {
		return nil, err
	}
	defer d.Free()
	stats, err := d.Score(ctx, f)
	if err != nil {
		return nil, err
	}
	s := &scoring{LogProb: make([]float32, len(stats))}
	for i, t := range stats {
		if t.LogProb != t.LogProb {
			return nil, fmt.Errorf("the log-probability of token %d is not a number: its weights overflow", i+1)
		}
		s.LogProb[i] = t.LogProb
	}
	s.Argmax, err = d.Argmax(ctx, f[0].Tokens)
	return s, err
}

// compare scores f with other weights, too.
func (s *scoring) compare(ctx context.Context, b kernels.Backend, w *model.Weights, f forest.Forest) (
	fmt.Stringer, error) {

	other, err := scoreIDs(ctx, b, w, f)
	if err != nil {
		return nil, err
	}
	a := agreement{of: len(s.Argmax)}
	for i, lp := range s.LogProb {
		stored := other.LogProb[i]
		if lp == stored {
			lp, stored = 0, 0 // both may be minus infinity
		}
		a.Add(lp, stored)
	}
	for i, id := range s.Argmax {
		if id != other.Argmax[i] {
			a.other++
		}
	}
	return a, nil
}
