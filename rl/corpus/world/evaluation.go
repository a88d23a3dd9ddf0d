package world

import (
	"context"
	"fmt"

	"spell/rl/corpus/exercise"
	"spell/tensor/rng"
)

// EvaluationOptions says what to test. Zero fields take their defaults.
type EvaluationOptions struct {
	Questions  int     // in all; default 240
	PerCluster int     // most questions over one cluster; default 8
	Cluster    Options // Docs must be given
	Asking     Asking
	Weights    Weights // default: mostly two and three hops
}

// Item is a cluster with the questions asked about it.
type Item struct {
	Cluster   *Cluster
	Questions []Question
}

func defaultWeights() Weights {
	return Weights{OneHop: 5, TwoHop: 12, ThreeHop: 20, Lookup: 4, LookupTwoHop: 6, LookupThreeHop: 10,
		Sum: 3, Difference: 3, SumTwoHop: 6, DifferenceTwoHop: 6, SumOfThree: 4, Count: 30,
		ChoiceTwoHop: 3, ChoiceThreeHop: 5}
}

// Evaluation returns a test: the same one for the same arguments. The kinds have exactly the shares
// of their weights, and no question is asked of a cluster twice. Its clusters differ from those of
// Generate, Training and NewCorpus. The error is that of the context if it ends before.
func Evaluation(ctx context.Context, seed uint64, opts EvaluationOptions) ([]Item, error) {
	return opts.items(ctx, seed)
}

// Binding returns a test that needs the right document and not only a value of the right class:
// homogeneous clusters and one-hop text questions. A model that picks any such value scores about
// one in Docs, and somewhat more if several documents happen to state the same value.
func Binding(ctx context.Context, seed uint64, opts EvaluationOptions) ([]Item, error) {
	opts.Cluster.Kinds = Homogeneous
	opts.Weights = Weights{OneHop: 1}
	return opts.items(ctx, seed)
}

func (o EvaluationOptions) items(ctx context.Context, seed uint64) ([]Item, error) {
	if err := o.Cluster.check(); err != nil {
		return nil, err
	}
	if o.Questions == 0 {
		o.Questions = 240
	}
	if o.PerCluster == 0 {
		o.PerCluster = 8
	}
	if o.Weights == (Weights{}) {
		o.Weights = defaultWeights()
	}
	if o.Questions < 0 || o.PerCluster < 0 {
		return nil, fmt.Errorf("a test cannot have %d questions with %d a cluster: give positive numbers",
			o.Questions, o.PerCluster)
	}
	left, err := quotas(o.Questions, o.Weights)
	if err != nil {
		return nil, err
	}
	var items []Item
	// A small cluster may lack a kind of question. The questions left over go to further clusters.
	remaining := o.Questions
	for index := uint64(0); remaining > 0; index++ {
		if index == uint64(100+20*o.Questions) {
			return nil, fmt.Errorf("clusters of %d documents lack the questions of this test: "+
				"ask for more documents or other kinds", o.Cluster.Docs)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		item := o.item(seed, index, &left)
		if len(item.Questions) > 0 {
			items = append(items, item)
			remaining -= len(item.Questions)
		}
	}
	return items, nil
}

// item asks about one cluster what is left to ask, and takes that off left.
func (o EvaluationOptions) item(seed, index uint64, left *[NumQuestionKinds]float64) Item {
	c := generate(rng.At(seed, rng.World, useTest, index, 0), fmt.Sprintf("test-%d-%d", seed, index), o.Cluster)
	r := rng.At(seed, rng.World, useItem, index, 0)
	item := Item{Cluster: c}
	here := *left // kinds that this cluster may still be asked
	asked := map[string]bool{}
	for len(item.Questions) < o.PerCluster {
		k := exercise.Weighted(r, here[:])
		if k < 0 {
			break
		}
		q, ok := c.question(r, Kind(k), o.Asking, asked)
		if !ok {
			here[k] = 0
			continue
		}
		asked[q.key] = true
		here[k]--
		left[k]--
		item.Questions = append(item.Questions, q)
	}
	return item
}

// quotas divides n questions among the kinds.
func quotas(n int, weights Weights) (quota [NumQuestionKinds]float64, err error) {
	var sum float64
	for k, w := range weights {
		if w < 0 || w > 0 && k >= NumQuestionKinds {
			return quota, fmt.Errorf("the weight of %s is %g in a test: "+
				"give kinds of questions weights of at least 0", Kind(k), w)
		}
		sum += w
	}
	if !(sum > 0) {
		return quota, fmt.Errorf("a test has no kind of question: give at least one a weight")
	}
	copy(quota[:], exercise.Quotas(n, weights[:NumQuestionKinds]))
	return quota, nil
}
