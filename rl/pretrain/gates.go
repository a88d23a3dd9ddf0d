package pretrain

import (
	"context"
	"fmt"
	"io"

	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/eval"
	"spell/tokenizer/chat"
)

// A gate is something self-play needs of its base. Below it the roles teach each other mistakes.
type gate struct {
	what  string
	count eval.Count
	least float64
}

// gated says whether a run of the recipe ends on the world.
func (r *Recipe) gated() bool { return r.Stages[len(r.Stages)-1].Data == "world" }

// testing is what the gates generate with.
func (r *Recipe) testing(eos int32) rollout.Options {
	return rollout.Options{Slots: 1 << 16, Rows: 1024, Stop: []int32{eos}, Seed: r.Seed}
}

// Gates tests the model on the generated world: what self-play needs of it, and how its accuracy
// falls with the number of documents. Runs that do not end on the world have none.
func (r *Run) Gates(ctx context.Context, w io.Writer) error {
	if !r.Recipe.gated() || r.stage().Data != "world" {
		return nil
	}
	last := r.Recipe.Stages[len(r.Recipe.Stages)-1]
	e, err := rollout.New(r.Backend, r.Weights, r.Recipe.testing(r.EOS))
	if err != nil {
		return err
	}
	defer e.Free()
	p := eval.Policy{Engine: e, Chat: &chat.Dialog{Tok: r.Tok}, Prompts: r.prompts}
	for _, docs := range []int{3, 16, 32} {
		items, err := world.Evaluation(r.Recipe.Seed, world.EvaluationOptions{Questions: 256, Cluster: world.Options{Docs: docs, Chains: true}})
		if err != nil {
			return err
		}
		res, err := eval.Questions(ctx, p, items, 48)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %d documents (%d tokens): %v\n", docs, res.Tokens, res)
	}
	gates, err := r.gates(ctx, p, &last)
	if err != nil {
		return err
	}
	for _, g := range gates {
		verdict := "holds"
		if g.count.Rate() < g.least {
			verdict = "does not hold yet"
		}
		fmt.Fprintf(w, "  gate: %s %v of %d, at least %.0f%%: %s\n", g.what, g.count, g.count.N, 100*g.least, verdict)
	}
	return nil
}

// gates measures them: documents the model was not trained on, of the sizes it was trained with.
func (r *Run) gates(ctx context.Context, p eval.Policy, last *Stage) ([]gate, error) {
	items, err := world.Binding(r.Recipe.Seed, world.EvaluationOptions{Questions: 256, Cluster: world.Options{Docs: 3}})
	if err != nil {
		return nil, err
	}
	binding, err := eval.Questions(ctx, p, items, 48)
	if err != nil {
		return nil, err
	}
	if items, err = world.Evaluation(r.Recipe.Seed, world.EvaluationOptions{Questions: 256, Cluster: world.Options{Docs: 4, Chains: true}}); err != nil {
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
		pairs = append(pairs, t.Example(r.Recipe.Seed, 1<<60|i).Branches...)
	}
	roles, err := eval.RolesOf(ctx, p, items, pairs, 256, 80)
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
