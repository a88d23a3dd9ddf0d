package pretrain

import (
	"context"
	"fmt"
	"strings"

	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// A gate is something self-play needs of its base. Below it the roles teach each other mistakes.
type gate struct {
	what  string
	count eval.Count
	least float64
}

// gated says whether a run of the recipe ends on questions whose truth is known: about the world or documents.
func (r *Config) gated() bool {
	last := r.Stages[len(r.Stages)-1].Data
	return last == "world" || last == "reading"
}

// testing is what the gates generate with.
func (r *Config) testing(eos int32) rollout.Options {
	return rollout.Options{Slots: 1 << 16, Rows: 1024, Stop: []int32{eos}, Seed: r.Seed}
}

// A Measurement is how the base does on the generated world or on documents, a line of metrics.jsonl.
type Measurement struct {
	Step    int           `json:"step"`
	Tests   []test        `json:"tests"`
	Reading []readingTest `json:"reading,omitempty"`
	Gates   []gateResult  `json:"gates"`
}

// A test is the accuracy of answers over a number of documents.
type test struct {
	Docs   int         `json:"documents"`
	Result eval.Result `json:"result"`
}

// A gateResult is a gate as it was measured.
type gateResult struct {
	What  string     `json:"what"`
	Count eval.Count `json:"count"`
	Least float64    `json:"least"`
}

func (m *Measurement) String() string {
	var lines []string
	for _, t := range m.Tests {
		lines = append(lines, fmt.Sprintf("  %d documents (%d tokens): %v", t.Docs, t.Result.Tokens, t.Result))
	}
	for _, t := range m.Reading {
		lines = append(lines, fmt.Sprintf("  documents of %d tokens: %v", t.Result.Tokens, t.Result))
	}
	for _, g := range m.Gates {
		verdict := "holds"
		if g.Count.Rate() < g.Least {
			verdict = "does not hold yet"
		}
		lines = append(lines, fmt.Sprintf("  gate: %s %v of %d, at least %.0f%%: %s", g.What, g.Count, g.Count.N,
			100*g.Least, verdict))
	}
	return strings.Join(lines, "\n")
}

// Due reports whether the base is to be tested: when a run that ends on the world, or on questions about
// documents, has reached them, and then now and then.
func (r *Run) Due() bool {
	n := r.state.Total
	return n > 0 && n != r.state.Tested && r.Config.gated() && r.stage().Data == r.last().Data &&
		(r.complete() || n%r.Config.Measure == 0)
}

// last returns the last stage.
func (r *Run) last() *Stage { return &r.Config.Stages[len(r.Config.Stages)-1] }

// Measure tests the base on the generated world or on documents: what self-play needs of it, and how its accuracy falls
// with the number or the length of documents.
func (r *Run) Measure(ctx context.Context, show runner.Show) (*runner.Report, error) {
	e, err := rollout.New(r.Model.Backend, r.Model.Weights, r.Config.testing(r.eos))
	if err != nil {
		return nil, err
	}
	defer e.Free()
	const parts = 7 // tests and gates that generate, of about one size
	part := 0
	if show != nil {
		e.OnProgress = func(done, total, read, sampled int) {
			show("testing the base", (float64(part)+float64(done)/float64(max(total, 1)))/parts, read+sampled)
		}
	}
	p := eval.Policy{Engine: e, Chat: &chat.Dialog{Tok: r.tok}, Prompts: r.prompts}
	m := &Measurement{Step: r.state.Total}
	if r.last().Data == "reading" {
		if err := r.measureReading(ctx, p, m, func() { part++ }); err != nil {
			return nil, err
		}
		r.state.Tested = r.state.Total
		return &runner.Report{Metrics: m, Always: true}, nil
	}
	for _, docs := range []int{5, 10, 20, 40} {
		items, err := world.Evaluation(ctx, r.Config.Seed, world.EvaluationOptions{
			Questions: 256, Cluster: world.Options{Docs: docs, Chains: true}})
		if err != nil {
			return nil, err
		}
		res, err := eval.World(docs, items).Ask(ctx, p, 48)
		if err != nil {
			return nil, err
		}
		m.Tests = append(m.Tests, test{docs, res})
		part++
	}
	gates, err := r.gates(ctx, p, r.last())
	if err != nil {
		return nil, err
	}
	for _, g := range gates {
		m.Gates = append(m.Gates, gateResult{g.what, g.count, g.least})
	}
	r.state.Tested = r.state.Total
	return &runner.Report{Metrics: m, Always: true}, nil
}

// gates measures them: documents the model was not trained on, of the sizes it was trained with.
func (r *Run) gates(ctx context.Context, p eval.Policy, last *Stage) ([]gate, error) {
	items, err := world.Binding(ctx, r.Config.Seed, world.EvaluationOptions{
		Questions: 256, Cluster: world.Options{Docs: 3}})
	if err != nil {
		return nil, err
	}
	binding, err := eval.World(3, items).Ask(ctx, p, 48)
	if err != nil {
		return nil, err
	}
	if items, err = world.Evaluation(ctx, r.Config.Seed, world.EvaluationOptions{
		Questions: 256, Cluster: world.Options{Docs: 4, Chains: true}}); err != nil {
		return nil, err
	}
	mix := *last.Mixture
	mix.Documents, mix.Grounding, mix.Arithmetic, mix.Letters = 0, 0, 0, 0
	t, err := world.NewTraining(r.prompts, mix)
	if err != nil {
		return nil, err
	}
	var pairs []world.Branch
	for i := uint64(0); len(pairs) < 256; i++ {
		pairs = append(pairs, t.Example(r.Config.Seed, 1<<60|i).Branches...)
	}
	var over []eval.Truthful
	for _, it := range items {
		over = append(over, it.Cluster)
	}
	roles, err := eval.RolesOf(ctx, p, over, world.Tasks(), pairs, 256, 80)
	if err != nil {
		return nil, err
	}
	return []gate{
		{"answers that need binding, 3 documents of one kind", binding.All, 0.85},
		{"questions that can be read", roles.Parse, 0.90},
		{"their reference answers that are true", roles.Right, 0.80},
		{"equal answers that the verifier accepts", roles.Accept, 0.90},
		{"different answers that it rejects", roles.Reject, 0.90},
	}, nil
}
