package main

import (
	"context"
	"fmt"
	"strings"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/budget"
)

// machine returns the memory there is; --memory and tests pretend another.
var machine = memory

// available returns the memory that there is for what computes on b.
func available(b kernels.Backend) budget.Memory {
	_, host := machine()
	return budget.Available(b, host)
}

// compareTokens is the number of tokens that are scored together to measure the mismatch of int8
// weights.
const compareTokens = 2048

// A dryModel is a model's weights on a backend without memory, for which the command runs as it is.
type dryModel struct {
	tally   *tally.Backend
	weights *model.Weights
}

func newDryModel(m *source, p model.Precision) (*dryModel, error) {
	t := tally.New(tally.Rates{})
	w, err := m.plan(t, p)
	return &dryModel{t, w}, err
}

// held returns the arenas so far, the program, and what the backend takes beside for what has been run on
// operands of those sizes.
func (d *dryModel) held(b kernels.Backend, s kernels.Sizes) budget.Memory {
	return budget.Held(b, d.tally, d.weights, s)
}

// generatingNeeds returns what a request takes on b with weights of precision p.
func generatingNeeds(b kernels.Backend, m *source, p model.Precision, r rollout.Request) (budget.Memory, error) {
	return engineNeeds(b, m, p, options(r), r.Branches[0].Sampling)
}

// engineNeeds returns what an engine of these sizes takes on b with weights of precision p.
func engineNeeds(b kernels.Backend, m *source, p model.Precision, o rollout.Options, s rollout.Sampling) (
	budget.Memory, error) {

	d, err := newDryModel(m, p)
	if err != nil {
		return budget.Memory{}, err
	}
	eng, err := rollout.New(d.tally, d.weights, o)
	if err != nil {
		return budget.Memory{}, err
	}
	short := rollout.Request{Branches: []rollout.Branch{{N: 1, MaxTokens: 1, Sampling: s}}}
	short.Prompt.Add(-1, make([]int32, 1), false)
	if _, err := eng.Generate(context.Background(), []rollout.Request{short}); err != nil {
		return budget.Memory{}, err
	}
	return d.held(b, eng.Sizes()), nil
}

// scoringNeeds returns what scoring forests takes on b, if the limits hold them.
func scoringNeeds(b kernels.Backend, m *source, p model.Precision, limits forest.Limits) (budget.Memory, error) {
	d, err := newDryModel(m, p)
	if err != nil {
		return budget.Memory{}, err
	}
	dec, err := model.NewScorer(d.tally, d.weights, limits)
	if err != nil {
		return budget.Memory{}, err
	}
	short := forest.Forest{{Parent: -1, Tokens: make([]int32, 2), Scored: true}}
	if _, err := dec.Score(context.Background(), short); err != nil {
		return budget.Memory{}, err
	}
	return d.held(b, dec.Sizes()), nil
}

// comparingNeeds returns what it takes to score answers again with weights of precision p.
func comparingNeeds(b kernels.Backend, m *source, p model.Precision, results []rollout.Result) (budget.Memory, error) {
	limits := forest.Limits{Batch: compareTokens}
	for _, r := range results {
		limits.Shared = max(limits.Shared, r.Forest.SharedTokens())
		for _, a := range r.Answers {
			limits.Batch = max(limits.Batch, len(a.LogProbs))
		}
	}
	return scoringNeeds(b, m, p, limits)
}

// fitsGenerating refuses a request that takes more memory than there is, with what would fit.
func fitsGenerating(b kernels.Backend, m *source, p model.Precision, r rollout.Request) error {
	like := func(p model.Precision, n, tokens int) (budget.Memory, error) {
		other := rollout.Request{Prompt: r.Prompt, Branches: []rollout.Branch{r.Branches[0]}}
		other.Branches[0].N, other.Branches[0].MaxTokens = n, tokens
		return generatingNeeds(b, m, p, other)
	}
	n, tokens := r.Branches[0].N, r.Branches[0].MaxTokens
	need := func() (budget.Memory, error) { return like(p, n, tokens) }
	return refuse(b, need, func(fits func(budget.Memory, error) bool) (ways []string) {
		ways = smallerWay(p, func(smaller model.Precision) bool { return fits(like(smaller, n, tokens)) })
		if most := budget.Largest(1, n-1, func(n int) bool { return fits(like(p, n, tokens)) }); most > 0 {
			ways = append(ways, fmt.Sprintf("--n %d", most))
		}
		if most := budget.Largest(1, tokens-1, func(tokens int) bool { return fits(like(p, n, tokens)) }); most > 0 {
			ways = append(ways, fmt.Sprintf("--max-tokens %d", most))
		}
		if ways == nil && fits(like(model.Int8, 1, min(tokens, 16))) {
			most := budget.Largest(1, tokens, func(tokens int) bool { return fits(like(model.Int8, 1, tokens)) })
			ways = append(ways, fmt.Sprintf("--precision int8, --n 1 and --max-tokens %d", most))
		}
		return ways
	})
}

// fitsScoring refuses to score more tokens than there is memory for, with what would fit.
func fitsScoring(b kernels.Backend, m *source, p model.Precision, tokens int) error {
	like := func(p model.Precision, tokens int) (budget.Memory, error) {
		return scoringNeeds(b, m, p, forest.Limits{Batch: tokens})
	}
	need := func() (budget.Memory, error) { return like(p, tokens) }
	return refuse(b, need, func(fits func(budget.Memory, error) bool) (ways []string) {
		ways = smallerWay(p, func(smaller model.Precision) bool { return fits(like(smaller, tokens)) })
		if most := budget.Largest(2, tokens-1, func(n int) bool { return fits(like(p, n)) }); most > 0 {
			ways = append(ways, fmt.Sprintf("%d tokens", most))
		}
		return ways
	})
}

// smallerWay returns the flag of the largest precision below p that fits; none if none does.
func smallerWay(p model.Precision, fits func(model.Precision) bool) []string {
	for _, smaller := range smallerPrecisions(p) {
		if fits(smaller) {
			return []string{"--precision " + smaller.Name}
		}
	}
	return nil
}

// smallerPrecisions returns those whose weights take less than those of p, the largest first.
func smallerPrecisions(p model.Precision) []model.Precision {
	switch p.Name {
	case model.F32.Name:
		return []model.Precision{model.BF16, model.Int8}
	case model.BF16.Name:
		return []model.Precision{model.Int8}
	}
	return nil
}

// refuse returns the error of what needs more than the memory available on b; ways returns the flags
// with which it would fit.
func refuse(b kernels.Backend, need func() (budget.Memory, error),
	ways func(fits func(budget.Memory, error) bool) []string) error {

	has := available(b)
	n, err := need()
	if err != nil || n.Within(has) {
		return err
	}
	list := ways(func(n budget.Memory, err error) bool { return err == nil && n.Within(has) })
	if list == nil {
		return fmt.Errorf("%s; use a smaller model or a machine with more", budget.Sentence(n, has))
	}
	return fmt.Errorf("%s; it would fit with %s", budget.Sentence(n, has), strings.Join(list, " or "))
}
