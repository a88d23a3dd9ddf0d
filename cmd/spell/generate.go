package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/budget"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// generateFlags are what the user said.
type generateFlags struct {
	modelFlags
	ids             string
	prompt          textFlags
	asChat, noThink bool
	template        string
	n, maxTokens    int
	temperature     float64
	topP            float64
	topK            int
	seed            uint64
	asJSON          bool
}

func generateCommand(e *engine) *cobra.Command {
	g := generateFlags{prompt: textFlags{flag: "prompt"}}
	cmd := &cobra.Command{
		Use:   "generate --model DIR (--prompt TEXT | --file PATH | --ids 1,2,3)",
		Short: "Sample continuations of a prompt, or replies to it",
		Long: "generate continues a text as it stands, after the begin-of-text token if the model has one;\n" +
			"special tokens in it are recognised. With --chat, the text is what a user says in the model's\n" +
			"chat template, special tokens in it are plain text, and the answer is the assistant's reply.\n" +
			"A text from a file or from standard input (-) may be of any length; a newline at its end is\n" +
			"left out.\n\n" +
			"If there are several answers, a line such as --- 1/2 stands before each. The token that ends\n" +
			"an answer is not printed. Ctrl-C prints what there is so far, with --json as \"finish\": \"interrupted\".",
		Example: "  spell generate --model path/to/model --chat --prompt \"Why is the sky blue?\"\n" +
			"  spell generate --model path/to/model --chat --file question.txt --n 4 --json\n" +
			"  cat story.txt | spell generate --model path/to/model --prompt - --max-tokens 100",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.check(cmd); err != nil {
				return err
			}
			return e.generate(cmd, &g)
		},
	}
	g.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&g.prompt.text, "prompt", "", "the text to continue; -: read it from standard input")
	f.StringVar(&g.prompt.file, "file", "", "file with the text to continue; -: standard input")
	f.StringVar(&g.ids, "ids", "", "the token ids to continue, separated by commas")
	f.BoolVar(&g.asChat, "chat", false, "put the text into the model's chat template as a user's turn")
	f.StringVar(&g.template, "template", "", "with --chat: which of several chat templates of the model renders")
	f.BoolVar(&g.noThink, "no-thinking", false, "with --chat: set enable_thinking of the template to false")
	f.IntVar(&g.n, "n", 1, "number of answers; the prompt is computed once")
	f.IntVar(&g.maxTokens, "max-tokens", 256, "longest answer, tokens")
	f.Float64Var(&g.temperature, "temperature", 0.7, "sampling temperature; 0 takes the most likely token")
	f.Float64Var(&g.topP, "top-p", 0.95, "sample from the smallest set of tokens of this probability")
	f.IntVar(&g.topK, "top-k", 0, "sample from this many most likely tokens; 0: all")
	f.Uint64Var(&g.seed, "seed", 1, "random seed")
	f.BoolVar(&g.asJSON, "json", false, "print [{\"ids\": […], \"text\": …, \"logprobs\": […], \"finish\": …}]")
	cmd.MarkFlagsMutuallyExclusive("chat", "ids")
	return cmd
}

// check refuses flags that cannot be meant.
func (g *generateFlags) check(cmd *cobra.Command) error {
	if given(cmd, "prompt", "file", "ids") != 1 {
		return errors.New("name one of --prompt TEXT, --file PATH and --ids 1,2,3")
	}
	if err := g.modelFlags.check(cmd); err != nil {
		return err
	}
	switch {
	case g.template != "" && !g.asChat:
		return errors.New("--template is about chats; give --chat, too")
	case g.noThink && !g.asChat:
		return errors.New("--no-thinking is about the chat template; give --chat, too")
	case g.n < 1 || g.n > 1<<16:
		return fmt.Errorf("--n %d: it must lie between 1 and %d", g.n, 1<<16)
	case g.maxTokens < 1:
		return fmt.Errorf("--max-tokens %d: it must be positive", g.maxTokens)
	}
	return checkSampling(g.temperature, g.topP, g.topK)
}

// checkSampling refuses flags of sampling that cannot be meant.
func checkSampling(temperature, topP float64, topK int) error {
	switch {
	case !(temperature >= 0 && temperature <= math.MaxFloat32):
		return fmt.Errorf("--temperature %v: it must be a number of at least 0", temperature)
	case temperature > 0 && temperature < rollout.MinTemperature:
		return fmt.Errorf("--temperature %v: it is too small; give 0 for the most likely token, or at least %v",
			temperature, rollout.MinTemperature)
	case !(float32(topP) > 0 && topP <= 1):
		return fmt.Errorf("--top-p %v: it must lie above 0 and not above 1", topP)
	case topK < 0:
		return fmt.Errorf("--top-k %d: it must not be negative", topK)
	}
	return nil
}

func (e *engine) generate(cmd *cobra.Command, g *generateFlags) error {
	b, p, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := g.config()
	if err != nil {
		return err
	}
	defer g.free()
	text, err := runner.OpenText(g.at.text, m.Vocab)
	if err != nil {
		return err
	}
	ids, err := g.tokens(cmd, text)
	if err != nil {
		return err
	}
	r, err := g.request(m, ids)
	if err != nil {
		return err
	}
	if err := fitsGenerating(b, m, p, r); err != nil {
		return err
	}
	w, err := g.load(cmd.Context(), b, p)
	if err != nil {
		return err
	}
	defer w.Free()
	e.note(w.Notes)
	if !g.asChat {
		e.note(text.Notes())
	}
	results, interrupted, err := g.sample(cmd, b, w, text, r)
	if err != nil {
		return err
	}
	if err := g.print(cmd, text, results[0]); err != nil {
		return err
	}
	if interrupted != nil {
		return interrupted
	}
	return e.mismatch(cmd.Context(), b, w, &g.modelFlags, comparison{
		needs: func(p model.Precision) (budget.Memory, error) { return comparingNeeds(b, m, p, results) },
		measure: func(stored *model.Weights) (fmt.Stringer, error) {
			return rollout.Compare(cmd.Context(), b, stored, results, compareTokens)
		},
	})
}

// sample answers a request; interrupted is the error of a signal that cut the answers short.
func (g *generateFlags) sample(cmd *cobra.Command, b kernels.Backend, w *model.Weights, text *chat.Dialog,
	r rollout.Request) (results []rollout.Result, interrupted, err error) {

	o := options(r)
	o.Stop, o.Seed = runner.EndTokens(w.EOS, text), g.seed
	eng, err := rollout.New(b, w, o)
	if err != nil {
		return nil, nil, err
	}
	defer eng.Free()
	heed(cmd.Context())
	results, err = eng.Generate(cmd.Context(), []rollout.Request{r})
	if errors.Is(err, context.Canceled) {
		return eng.Partial(), err, nil
	}
	return results, nil, err
}

// tokens returns the ids of the prompt.
func (g *generateFlags) tokens(cmd *cobra.Command, text *chat.Dialog) ([]int32, error) {
	if cmd.Flags().Changed("ids") {
		return parseIDs(g.ids)
	}
	if text == nil {
		return nil, runner.NoTokenizer(g.dir, "it works by token ids only; use --ids")
	}
	if g.asChat {
		var err error
		if text, err = chatOf(text, g.dir, g.template, g.noThink); err != nil {
			return nil, err
		}
	}
	prompt, err := g.prompt.read(cmd)
	if err != nil {
		return nil, err
	}
	if !g.asChat {
		return append(text.Tok.Begin(), text.Tok.EncodeSpecial(prompt)...), nil
	}
	turn, err := text.User(prompt)
	if err != nil {
		return nil, err
	}
	return turn[0], nil
}

// request asks for the answers to a prompt, no longer than the model's context allows.
func (g *generateFlags) request(m *source, ids []int32) (r rollout.Request, err error) {
	most := min(g.maxTokens, m.Context-len(ids))
	if most < 1 {
		return r, fmt.Errorf("the prompt has %d tokens and the model's context is %d: nothing can follow it",
			len(ids), m.Context)
	}
	if err := checkIDs("the prompt", g.dir, ids, m.Vocab, m.Context); err != nil {
		return r, err
	}
	var f forest.Forest
	f.Add(-1, ids, false)
	how := rollout.Sampling{Temperature: float32(g.temperature), TopP: float32(g.topP), TopK: g.topK}
	answers := rollout.Branch{Segment: 0, N: g.n, MaxTokens: most, Sampling: how}
	return rollout.Request{Prompt: f, Branches: []rollout.Branch{answers}}, nil
}

// options sizes an engine for one request with one prompt.
func options(r rollout.Request) rollout.Options {
	n := r.Branches[0].N
	return rollout.Options{Slots: len(r.Prompt[0].Tokens) + 64 + n*(r.Branches[0].MaxTokens+64), Rows: max(512, 2*n)}
}

// A generated answer is what --json prints.
type generated struct {
	IDs      []int32        `json:"ids"`
	Text     string         `json:"text"`
	LogProbs logProbs       `json:"logprobs"`
	Finish   rollout.Finish `json:"finish"`
}

// print writes the answers.
func (g *generateFlags) print(cmd *cobra.Command, text *chat.Dialog, r rollout.Result) error {
	out := cmd.OutOrStdout()
	list := []generated{}
	for _, a := range r.Answers {
		x := generated{IDs: r.Forest[a.Segment].Tokens, LogProbs: a.LogProbs, Finish: a.Finish}
		if text != nil {
			x.Text = x.shown(text, g.asChat)
		}
		list = append(list, x)
	}
	if g.asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(list)
	}
	for i, x := range list {
		if len(list) > 1 {
			fmt.Fprintf(out, "--- %d/%d\n", i+1, len(list))
		}
		var err error
		if text != nil {
			_, err = fmt.Fprintln(out, x.Text)
		} else {
			_, err = fmt.Fprintln(out, x.IDs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shown returns the text of an answer without the token that ended it and, in a chat, without
// special tokens.
func (x *generated) shown(text *chat.Dialog, asChat bool) string {
	ids := x.IDs
	if x.Finish == rollout.Stop {
		ids = ids[:len(ids)-1]
	}
	if asChat {
		return text.Tok.DecodeSkipSpecial(ids)
	}
	return text.Tok.Decode(ids)
}
