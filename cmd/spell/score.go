package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
)

func scoreCommand(e *engine) *cobra.Command {
	var dir, file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "score --model DIR --ids FILE",
		Short: "Print the log-probability of each token given those before it",
		Long:  "score reads FILE, {\"ids\": [token ids]}, and prints the natural log-probability of every token\nbut the first, and the most likely next token after each.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ids, err := readIDs(file)
			if err != nil {
				return err
			}
			b, w, err := e.load(dir)
			if err != nil {
				return err
			}
			defer b.Close()
			f := forest.Forest{{Parent: -1, Tokens: ids, Scored: true}}
			if err := f.Validate(w.Vocab, w.Context); err != nil {
				return fmt.Errorf("%s does not fit %s: %w", file, dir, err)
			}
			out, err := scoreIDs(cmd.Context(), b, w, f)
			if err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(out); err != nil {
					return err
				}
			} else {
				sum := 0.0
				for i, lp := range out.LogProb {
					fmt.Fprintf(cmd.OutOrStdout(), "%d\t%d\t%.6f\n", i+1, ids[i+1], lp)
					sum += float64(lp)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d tokens scored, log-probability %.4f, perplexity %.4f\n", len(out.LogProb), sum, perplexity(sum, len(out.LogProb)))
			}
			return e.mismatch(b, w, dir, func(stored *model.Weights) (fmt.Stringer, error) { return out.compare(cmd.Context(), b, stored, f) })
		},
	}
	cmd.Flags().StringVar(&dir, "model", "", "Hugging Face model directory")
	cmd.Flags().StringVar(&file, "ids", "", "JSON file with the token ids")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print {\"logprob_of_next\": […], \"argmax\": […]}")
	cmd.MarkFlagRequired("model")
	cmd.MarkFlagRequired("ids")
	return cmd
}

// A scoring is what score prints.
type scoring struct {
	LogProb []float32 `json:"logprob_of_next"`
	Argmax  []int32   `json:"argmax"`
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
func (s *scoring) compare(ctx context.Context, b kernels.Backend, w *model.Weights, f forest.Forest) (fmt.Stringer, error) {
	other, err := scoreIDs(ctx, b, w, f)
	if err != nil {
		return nil, err
	}
	a := agreement{of: len(s.Argmax)}
	for i, lp := range s.LogProb {
		a.Add(lp, other.LogProb[i])
	}
	for i, id := range s.Argmax {
		if id != other.Argmax[i] {
			a.other++
		}
	}
	return a, nil
}

func readIDs(file string) ([]int32, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var in struct {
		IDs []int32 `json:"ids"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("%s is not {\"ids\": [token ids]}: %w", file, err)
	}
	if len(in.IDs) == 0 {
		return nil, fmt.Errorf("%s holds no ids; write {\"ids\": [1, 2, 3]}", file)
	}
	return in.IDs, nil
}
