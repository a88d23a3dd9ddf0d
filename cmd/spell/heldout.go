package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/rl/role"
)

// Held-out questions, where nobody says how many, and the documents of the clusters that they are asked over: as many as
// the embedded base was trained with, and more.
const (
	heldOutQuestions = 512
	shortDocs        = 3
	longDocs         = 32
)

// heldOut is the test over so many documents.
func heldOut(questions, docs int) ([]world.Item, error) {
	return world.Evaluation(1, world.EvaluationOptions{Questions: questions, Asking: world.Asking{HeldOutPhrasing: true},
		Cluster: world.Options{Docs: docs, Pool: world.HeldOut, Chains: true}})
}

// testing is what the tests before and after generate with, on a model of that context; nil where there are none. A model
// whose context is too short for them is refused.
func (t *trainFlags) testing(c rl.Config, context int) (*rollout.Options, error) {
	if t.docs != "" || t.questions == 0 {
		return nil, nil
	}
	prompts, err := role.Load(c.Prompts)
	if err != nil {
		return nil, err
	}
	items, err := heldOut(t.questions, longDocs)
	if err != nil {
		return nil, err
	}
	// A plan knows no tokenizer, but a token is at least a byte and at most a word. Every segment has pages of its own.
	o := &rollout.Options{Slots: 1 << 16, Rows: 1024}
	page := func(n int) int { return n + kernels.KeyBlock }
	words := func(s string) int { return len(strings.Fields(s)) }
	prompt := 0
	for _, it := range items {
		docs := prompts.Documents(it.Cluster.Texts())
		slots := page(len(docs))
		for _, q := range it.Questions {
			_, ask := prompts.Responder(q.Task, nil, q.Question)
			slots += page(len(ask)) + page(c.MaxAnswer)
			prompt = max(prompt, words(docs)+words(ask))
		}
		o.Slots = max(o.Slots, slots)
	}
	if prompt+c.MaxAnswer > context {
		return nil, fmt.Errorf("the held-out test asks over %d tokens and more, and the model's context of %d does not hold them and an answer of max_answer %d; lower max_answer, or leave the test out with --eval 0",
			prompt, context, c.MaxAnswer)
	}
	return o, nil
}

// A tester asks held-out questions before and after training, over as many documents as the
// base was trained on and over more. Entities and phrasing are none that self-play uses.
type tester struct {
	cmd       *cobra.Command
	run       *rl.Run
	questions int
	options   *rollout.Options // of the engine; nil where there is no test
	results   []eval.Result
}

// ask puts the test to the model as it is.
func (t *tester) ask(when string) error {
	if t.options == nil {
		return nil
	}
	r := t.run
	options := *t.options
	options.Stop = r.Weights.EOS
	e, err := rollout.New(r.Backend, r.Weights, options)
	if err != nil {
		return err
	}
	defer e.Free()
	for _, docs := range []int{shortDocs, longDocs} {
		items, err := heldOut(t.questions, docs)
		if err != nil {
			return err
		}
		res, err := eval.Questions(t.cmd.Context(), eval.Policy{Engine: e, Chat: r.Chat, Prompts: r.Prompts}, items, r.Config.MaxAnswer)
		if err != nil {
			return fmt.Errorf("held-out test over %d documents: %w; --eval 0 leaves it out", docs, err)
		}
		t.results = append(t.results, res)
		fmt.Fprintf(t.cmd.OutOrStdout(), "%s: held-out accuracy over %d documents (%d tokens) %v\n", when, docs, res.Tokens, res)
	}
	return nil
}

// compare prints what training changed since the first test.
func (t *tester) compare(since string) {
	if len(t.results) != 4 {
		return
	}
	for i, docs := range []int{shortDocs, longDocs} {
		b, a := t.results[i], t.results[i+2]
		fmt.Fprintf(t.cmd.OutOrStdout(), "%2d documents, %s → after: %v → %v (%+.1f points); of readable answers %v → %v (%+.1f)\n", docs, since, b.All, a.All, 100*(a.All.Rate()-b.All.Rate()),
			b.Valid, a.Valid, 100*(a.Valid.Rate()-b.Valid.Rate()))
	}
}
