package reading

import (
	"context"
	"errors"
	"fmt"

	"spell/rl/corpus"
	"spell/rl/corpus/exercise"
	"spell/tensor/rng"
)

// EvaluationOptions says what to test. Zero fields take their defaults.
type EvaluationOptions struct {
	Questions  int     // in all; default 240
	PerCluster int     // most questions over the same passages; default 16
	Length     int     // size of the passages of a prompt together, about; must be given
	Passage    int     // size of a passage, about; default 64
	Weights    Weights // default: that of training
	// Measure returns the size of a text; nil: its bytes.
	Measure func(string) int
}

// Item is passages with the questions asked about them.
type Item struct {
	Cluster   *Cluster
	Questions []Question
}

// ErrFew is the error of a test that the documents lack questions for.
var ErrFew = errors.New("give more text, longer passages or other kinds")

// Evaluation returns a test about documents: the same one for the same arguments. The kinds have exactly the
// shares of their weights, and no question is asked of passages twice. The error is that of the context if it
// ends before; with ErrFew come the questions there are.
func Evaluation(ctx context.Context, seed uint64, docs *corpus.Corpus, o EvaluationOptions) ([]Item, error) {
	if o.Questions == 0 {
		o.Questions = 240
	}
	if o.PerCluster == 0 {
		o.PerCluster = 16
	}
	if o.Passage == 0 {
		o.Passage = 64
	}
	if o.Weights == (Weights{}) {
		o.Weights = DefaultTraining().Asked
	}
	if o.Measure == nil {
		o.Measure = func(s string) int { return len(s) }
	}
	l := newLibrary(docs, o.Measure)
	positive := false
	for _, w := range o.Weights[:NumQuestionKinds] {
		positive = positive || w > 0
		if w < 0 {
			return nil, fmt.Errorf("the weights %v of a test are not all at least 0", o.Weights)
		}
	}
	if !positive || len(l.docs) == 0 || min(o.Questions, o.PerCluster, o.Length, o.Passage) < 1 {
		return nil, fmt.Errorf("a test cannot have %d questions with %d a prompt over %d documents, %d tokens of them "+
			"in passages of %d: give positive numbers, and one kind of question a weight", o.Questions, o.PerCluster,
			len(l.docs), o.Length, o.Passage)
	}
	left := exercise.Quotas(o.Questions, o.Weights[:NumQuestionKinds])
	var items []Item
	// Passages may lack a kind of question. The questions left over go to further ones.
	remaining := o.Questions
	for index := uint64(0); remaining > 0; index++ {
		if index == uint64(100+20*o.Questions) {
			return items, fmt.Errorf("the documents lack the questions of this test: of %d there are none for %d; %w",
				o.Questions, remaining, ErrFew)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r := rng.At(seed, rng.Reading, useTest, index, 0)
		texts := l.passages(r, max(1, o.Length/o.Passage), o.Length)
		if len(texts) == 0 {
			continue
		}
		item := Item{Cluster: Over(texts)}
		item.ask(rng.At(seed, rng.Reading, useItem, index, 0), o.PerCluster, left)
		if len(item.Questions) > 0 {
			items = append(items, item)
			remaining -= len(item.Questions)
		}
	}
	return items, nil
}

// ask asks up to n questions of what is left to ask of each kind, and takes them off left.
func (it *Item) ask(r *rng.Rand, n int, left []float64) {
	here := append([]float64(nil), left...) // kinds that these passages may still be asked
	asked := map[string]bool{}
	for len(it.Questions) < n {
		k := exercise.Weighted(r, here)
		if k < 0 {
			break
		}
		q, ok := it.Cluster.question(r, Kind(k), asked, false)
		if !ok {
			here[k] = 0
			continue
		}
		asked[q.Text] = true
		here[k]--
		left[k]--
		it.Questions = append(it.Questions, q)
	}
}

// Askable returns the weights of o, or those of training, with 0 for the kinds of questions that the documents lack.
// The error is that of the context if it ends before.
func Askable(ctx context.Context, seed uint64, docs *corpus.Corpus, o EvaluationOptions) (weights Weights, err error) {
	const few = 4
	asked := o.Weights
	if asked == (Weights{}) {
		asked = DefaultTraining().Asked
	}
	o.Questions = few
	for k := range NumQuestionKinds {
		o.Weights = Weights{}
		if o.Weights[k] = asked[k]; o.Weights[k] <= 0 {
			continue
		}
		switch _, err := Evaluation(ctx, seed, docs, o); {
		case err == nil:
			weights[k] = asked[k]
		case ctx.Err() != nil:
			return weights, ctx.Err()
		}
	}
	return weights, nil
}
