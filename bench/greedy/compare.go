package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	modelgguf "spell/model/gguf"
	"spell/model/rollout"
	"spell/tensor/gguf"
)

// tie returns the difference of two log-probabilities that keys and values in f16 can turn round. Where
// they turn a router to another expert, it is large: so it is in tiny/qwen3-moe, whose golden decoder
// takes llama.cpp's token instead of ours as soon as it rounds keys and values to f16.
func tie(w *model.Weights) float64 {
	if w.Experts > 0 {
		return 0.5
	}
	return 0.02
}

// compare prints whether both answer some prompts alike, or that a GGUF file cannot hold the model.
func compare(out io.Writer, o *options, b kernels.Backend, w *model.Weights, name, file string) (bool, error) {
	if err := modelgguf.Write(file, &w.Config, w.Rows(b), gguf.F32, vocabulary(w.Vocab)); err != nil {
		fmt.Fprintf(out, "%s: not compared, %v\n", name, err)
		return true, nil
	}
	random, tokens, ties := rand.New(rand.NewPCG(1, uint64(w.Vocab))), 0, 0
	for range o.prompts {
		prompt := make([]int32, 1+random.IntN(16))
		for i := range prompt {
			prompt[i] = random.Int32N(int32(w.Vocab - 1))
		}
		ours, err := answer(b, w, prompt, o.length)
		if err != nil {
			return false, err
		}
		theirs, err := o.peer(file, prompt, w.Vocab)
		if err != nil {
			return false, err
		}
		at := 0
		for at < min(len(ours), len(theirs)) && ours[at] == theirs[at] {
			at++
		}
		tokens += at
		if at == len(ours) && at == len(theirs) {
			continue
		}
		if at == len(ours) || at == len(theirs) {
			fmt.Fprintf(out, "%s: after %v the answers are %v here and %v there\n", name, prompt, ours, theirs)
			return false, nil
		}
		margin, err := likelier(b, w, slices.Concat(prompt, ours[:at]), ours[at], theirs[at])
		if err != nil {
			return false, err
		}
		if margin > tie(w) {
			fmt.Fprintf(out, "%s: after %v, %v comes %d here and %d there, which is less likely by %.3f\n", name,
				prompt, ours[:at], ours[at], theirs[at], margin)
			return false, nil
		}
		ties++
	}
	fmt.Fprintf(out, "%s: %d tokens alike, %d ties\n", name, tokens, ties)
	return true, nil
}

// vocabulary describes n tokens whose texts are their ids. The last ends an answer.
func vocabulary(n int) []gguf.Pair {
	v := modelgguf.Vocabulary{Kind: modelgguf.SentencePiece, Scores: make([]float64, n), Types: make([]int, n),
		Special: modelgguf.Special{BOS: 0, EOS: n - 1, Unknown: 0, Padding: -1}}
	for i := range n {
		v.Tokens = append(v.Tokens, text(int32(i)))
		v.Types[i] = 4 // defined by the user: found in a text before anything else
	}
	return v.Pairs()
}

// text is that of a token.
func text(id int32) string { return fmt.Sprintf("<%d>", id) }

// answer returns the tokens that are most likely after a prompt, without the last one of the vocabulary,
// which ends them.
func answer(b kernels.Backend, w *model.Weights, prompt []int32, n int) ([]int32, error) {
	end := int32(w.Vocab - 1)
	e, err := rollout.New(b, w, rollout.Options{Slots: 256 + n, Rows: 64, Stop: []int32{end}, Seed: 1})
	if err != nil {
		return nil, err
	}
	defer e.Free()
	results, err := e.Generate(context.Background(), []rollout.Request{{
		Prompt:   forest.Forest{{Parent: -1, Tokens: prompt}},
		Branches: []rollout.Branch{{N: 1, MaxTokens: n, Sampling: rollout.Sampling{TopP: 1}}},
	}})
	if err != nil {
		return nil, err
	}
	ids := results[0].Forest[results[0].Answers[0].Segment].Tokens
	if i := slices.Index(ids, end); i >= 0 {
		ids = ids[:i]
	}
	return ids, nil
}

// likelier returns by how much one token's log-probability after a text exceeds another's.
func likelier(b kernels.Backend, w *model.Weights, before []int32, one, other int32) (float64, error) {
	d, err := model.NewScorer(b, w, forest.Limits{Batch: len(before) + 1})
	if err != nil {
		return 0, err
	}
	defer d.Free()
	var logProbs [2]float64
	for i, id := range []int32{one, other} {
		text := slices.Concat(before, []int32{id})
		stats, err := d.Score(context.Background(), forest.Forest{{Parent: -1, Tokens: text, Scored: true}})
		if err != nil {
			return 0, err
		}
		logProbs[i] = float64(stats[len(stats)-1].LogProb)
	}
	return logProbs[0] - logProbs[1], nil
}

var token = regexp.MustCompile(`<(\d+)>`)

// peer is llama.cpp's answer.
func (o *options) peer(file string, prompt []int32, vocab int) ([]int32, error) {
	var s strings.Builder
	for _, id := range prompt {
		s.WriteString(text(id))
	}
	args := append([]string{"-m", file, "-p", s.String(), "-n", strconv.Itoa(o.length), "-c", "512", "-t", "1",
		"--temp", "0", "--no-display-prompt", "--no-warmup", "--simple-io"}, o.more...)
	c := exec.Command(o.cli, args...)
	raw, err := c.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		said := strings.Split(strings.TrimSpace(string(failed.Stderr)), "\n")
		err = fmt.Errorf("%s: %w: %s", c, err, said[len(said)-1])
	}
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, m := range token.FindAllSubmatch(raw, -1) {
		id, err := strconv.ParseInt(string(m[1]), 10, 32)
		if err != nil || int(id) >= vocab {
			return nil, fmt.Errorf("%s printed %.200q", c, raw)
		}
		if int(id) == vocab-1 {
			break
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}
