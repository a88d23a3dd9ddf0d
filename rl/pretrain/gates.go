package pretrain

import (
	"context"
	"fmt"
	"io"

	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/eval"
)

// Gates prints how far the model is from what self-play needs: it binds (≥ 85 % on three
// documents of one kind), its questions are readable (≥ 90 %) and true (≥ 80 %), its votes are
// right on equal and on different answers alike (≥ 90 %). Runs on text have none.
func (r *Run) Gates(ctx context.Context, w io.Writer) error {
	last := r.Recipe.Stages[len(r.Recipe.Stages)-1]
	if last.Data != "world" || r.Recipe.Stages[min(r.state.Stage, len(r.Recipe.Stages)-1)].Data != "world" {
		return nil
	}
	e, err := rollout.New(r.Backend, r.Weights, rollout.Options{Slots: 1 << 16, Rows: 1024, Stop: []int32{r.EOS}, Seed: r.Recipe.Seed})
	if err != nil {
		return err
	}
	defer e.Free()
	p := eval.Policy{Engine: e, Tok: r.Tok, Prompts: r.prompts}
	for _, docs := range []int{3, 16} {
		pool := world.Train
		items, err := world.Binding(r.Recipe.Seed, world.EvaluationOptions{Questions: 128, Cluster: world.Options{Docs: docs, Pool: pool}})
		if err != nil {
			return err
		}
		res, err := eval.Questions(ctx, p, items, 48)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  binding, %d documents of one kind: %v", docs, res.All)
		for _, pool := range []world.Pool{world.Train, world.HeldOut} {
			items, err := world.Evaluation(r.Recipe.Seed, world.EvaluationOptions{Questions: 256, Cluster: world.Options{Docs: docs, Pool: pool, Chains: true}})
			if err != nil {
				return err
			}
			res, err := eval.Questions(ctx, p, items, 48)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "\n  pool %d, %d documents (%d tokens): %v", pool, docs, res.Tokens, res)
		}
		fmt.Fprintln(w)
	}
	items, err := world.Evaluation(r.Recipe.Seed, world.EvaluationOptions{Questions: 256, Cluster: world.Options{Docs: 4, Chains: true}})
	if err != nil {
		return err
	}
	mix := *last.Mixture
	mix.Documents, mix.Grounding, mix.Arithmetic, mix.Letters = 0, 0, 0, 0
	t, err := world.NewTraining(r.prompts, mix)
	if err != nil {
		return err
	}
	var pairs []world.Branch
	for i := uint64(0); len(pairs) < 256; i++ {
		pairs = append(pairs, t.Example(r.Recipe.Seed, 1<<60|i).Branches...)
	}
	roles, err := eval.RolesOf(ctx, p, items, pairs, 256, 64)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "  %v\n", roles)
	return nil
}
