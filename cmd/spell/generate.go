package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
)

func generateCommand(e *engine) *cobra.Command {
	var (
		dir, prompt, list string
		asChat, noThink   bool
		n, maxTokens      int
		temperature, topP float64
		topK              int
		seed              uint64
		asJSON            bool
	)
	cmd := &cobra.Command{
		Use:   "generate --model DIR (--prompt TEXT [--chat] | --ids 1,2,3)",
		Short: "Sample continuations of a prompt, or replies to it",
		Long: "generate continues TEXT as it stands, after the begin-of-text token if the model has one; special tokens\n" +
			"in it are recognised. With --chat, TEXT is what a user says in the model's chat template, special tokens in\n" +
			"it are plain text, and the answer is the assistant's reply.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (prompt == "") == (list == "") {
				return errors.New("name either --prompt TEXT or --ids 1,2,3")
			}
			switch {
			case noThink && !asChat:
				return errors.New("--no-thinking is about the chat template; give --chat, too")
			case n < 1 || n > 1<<16:
				return fmt.Errorf("--n %d: it must lie between 1 and %d", n, 1<<16)
			case maxTokens < 1:
				return fmt.Errorf("--max-tokens %d: it must be positive", maxTokens)
			case !(temperature >= 0 && temperature <= math.MaxFloat32):
				return fmt.Errorf("--temperature %v: it must be a number of at least 0", temperature)
			case !(topP > 0 && topP <= 1):
				return fmt.Errorf("--top-p %v: it must lie above 0 and not above 1", topP)
			case topK < 0:
				return fmt.Errorf("--top-k %d: it must not be negative", topK)
			}
			b, w, err := e.load(dir)
			if err != nil {
				return err
			}
			defer b.Close()
			text, err := openText(dir, w.Vocab)
			if err != nil {
				return err
			}
			var ids []int32
			switch {
			case list != "":
				ids, err = parseIDs(list)
			case text == nil:
				err = fmt.Errorf("%s has no tokenizer.json, so it works by token ids only; use --ids", dir)
			case !asChat:
				ids = append(text.Tok.Begin(), text.Tok.EncodeSpecial(prompt)...)
			case text.Template == nil:
				err = fmt.Errorf("%s has no chat template, neither in chat_template.jinja nor in tokenizer_config.json; leave out --chat", dir)
			default:
				text.Now = time.Now()
				if noThink {
					text.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
				}
				var turn [][]int32
				if turn, err = text.User(prompt); err == nil {
					ids = turn[0]
				}
			}
			if err != nil {
				return err
			}
			if maxTokens = min(maxTokens, w.Context-len(ids)); maxTokens < 1 {
				return fmt.Errorf("the prompt has %d tokens and the model's context is %d: nothing can follow it", len(ids), w.Context)
			}
			var f forest.Forest
			f.Add(-1, ids, false)
			if err := f.Validate(w.Vocab, w.Context); err != nil {
				return fmt.Errorf("the prompt does not fit %s: %w", dir, err)
			}
			r := rollout.Request{Prompt: f, Branches: []rollout.Branch{{Segment: 0, N: n, MaxTokens: maxTokens,
				Sampling: rollout.Sampling{Temperature: float32(temperature), TopP: float32(topP), TopK: topK}}}}
			rows := max(512, 2*n)
			eng, err := rollout.New(b, w, rollout.Options{Slots: len(ids) + 64 + n*(maxTokens+64), Rows: rows, Stop: w.EOS, Seed: seed})
			if err != nil {
				return err
			}
			defer eng.Free()
			results, err := eng.Generate(cmd.Context(), []rollout.Request{r})
			if err != nil {
				return err
			}
			type answer struct {
				IDs      []int32        `json:"ids"`
				Text     string         `json:"text"`
				LogProbs []float32      `json:"logprobs"`
				Finish   rollout.Finish `json:"finish"`
			}
			var out []answer
			for _, a := range results[0].Answers {
				x := answer{IDs: results[0].Forest[a.Segment].Tokens, LogProbs: a.LogProbs, Finish: a.Finish}
				if asChat {
					x.Text = text.Tok.DecodeSkipSpecial(x.IDs)
				} else if text != nil {
					x.Text = text.Tok.Decode(x.IDs)
				}
				out = append(out, x)
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetEscapeHTML(false)
				if err := enc.Encode(out); err != nil {
					return err
				}
			} else {
				for _, x := range out {
					if text != nil {
						fmt.Fprintln(cmd.OutOrStdout(), x.Text)
					} else {
						fmt.Fprintln(cmd.OutOrStdout(), x.IDs)
					}
				}
			}
			return e.mismatch(b, w, dir, func(stored *model.Weights) (fmt.Stringer, error) {
				return rollout.Compare(cmd.Context(), b, stored, results, 2048)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "model", "", "Hugging Face model directory")
	f.StringVar(&prompt, "prompt", "", "the text to continue")
	f.BoolVar(&asChat, "chat", false, "put the prompt into the model's chat template as a user's turn")
	f.BoolVar(&noThink, "no-thinking", false, "with --chat: set the template's enable_thinking to false, as Qwen3 knows it")
	f.StringVar(&list, "ids", "", "the token ids to continue, separated by commas")
	f.IntVar(&n, "n", 1, "number of answers; the prompt is computed once")
	f.IntVar(&maxTokens, "max-tokens", 256, "longest answer, tokens")
	f.Float64Var(&temperature, "temperature", 0.7, "sampling temperature; 0 takes the most likely token")
	f.Float64Var(&topP, "top-p", 0.95, "sample from the smallest set of tokens of this probability")
	f.IntVar(&topK, "top-k", 0, "sample from this many most likely tokens; 0: all")
	f.Uint64Var(&seed, "seed", 1, "random seed")
	f.BoolVar(&asJSON, "json", false, "print [{\"ids\": […], \"text\": …, \"logprobs\": […], \"finish\": …}]")
	cmd.MarkFlagRequired("model")
	cmd.MarkFlagsMutuallyExclusive("chat", "ids")
	return cmd
}

func parseIDs(list string) ([]int32, error) {
	var ids []int32
	for _, s := range strings.Split(list, ",") {
		v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("--ids: %q is not a token id", s)
		}
		ids = append(ids, int32(v))
	}
	return ids, nil
}

func perplexity(logProb float64, n int) float64 {
	if n == 0 {
		return math.NaN()
	}
	return math.Exp(-logProb / float64(n))
}
