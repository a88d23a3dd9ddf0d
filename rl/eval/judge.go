package eval

import (
	"context"
	"strings"
	"sync"

	"spell/rl/corpus"
	"spell/rl/corpus/world"
	"spell/rl/task"
	"spell/tensor/rng"
)

// TestOptions says what a judge's tests are of.
type TestOptions struct {
	Questions int              // of each test
	Kept      []corpus.Cluster // documents that self-play does not read
	Tokens    int              // of the documents of the easiest test; of the generated world, it has as many as it has
	Most      int              // of the documents of any test; 0: no limit
	Size      func(string) int // tokens of a text
}

// A WorldJudge tells the truth about questions over a generated corpus, and tests on other worlds.
type WorldJudge struct{ Corpus *world.Corpus }

// Right reports whether a question's reference answer is true, and known whether the question is
// about facts of the cluster; of the whole one, if it was divided.
func (j WorldJudge) Right(cluster string, t task.Task, q task.Question) (right, known bool) {
	c, ok := j.Corpus.Cluster(cluster)
	if !ok { // a cluster that was divided to fit a prompt, about the same entities
		if c, ok = j.Corpus.Cluster(corpus.Whole(cluster)); !ok {
			return false, false
		}
	}
	_, known = c.Truth(q.Text, t)
	return c.Right(q, t), known
}

// Ask returns a true question of a kind about a cluster; ok is false if there is none.
func (j WorldJudge) Ask(cluster string, t task.Task, random *rng.Rand) (q task.Question, ok bool) {
	c, ok := j.Corpus.Cluster(cluster)
	if !ok {
		return q, false
	}
	for _, k := range random.Perm(world.NumQuestionKinds) {
		if kind := world.Kind(k); kind.Task() == t {
			if q, ok := c.Question(random, kind, world.Asking{}); ok {
				return q.Question, true
			}
		}
	}
	return q, false
}

// Same reports whether two answers mean the same.
func (j WorldJudge) Same(_ task.Task, a, b string) bool {
	return world.Same(strings.TrimSpace(a), strings.TrimSpace(b))
}

// LongDocs is how many documents the clusters of the world have that a run trains on.
const LongDocs = 40

// WorldDocs are the documents of the clusters that held-out questions of the world are asked over: as many as the
// embedded base was trained with at most, and two, four and eight times as many.
var WorldDocs = [...]int{5, 10, 20, LongDocs}

// Tests returns the tests on worlds that self-play never reads.
func (WorldJudge) Tests(ctx context.Context, o TestOptions) ([]*Test, error) {
	var tests []*Test
	for _, docs := range WorldDocs {
		items, err := HeldOut(ctx, o.Questions, docs)
		if err != nil {
			return nil, err
		}
		tests = append(tests, World(docs, items))
	}
	return tests, nil
}

// KeepsOut reports that the tests are about documents of the corpus: they are not.
func (WorldJudge) KeepsOut() bool { return false }

// HeldOut returns the test over so many documents, whose questions a run is asked in this order. Entities and phrasing
// are none that self-play uses. Plans ask for the same test again and again, so it is kept.
func HeldOut(ctx context.Context, questions, docs int) ([]world.Item, error) {
	key := [2]int{questions, docs}
	if items, ok := heldOutTests.Load(key); ok {
		return items.([]world.Item), nil
	}
	items, err := world.Evaluation(ctx, 1, world.EvaluationOptions{
		Questions: questions, Asking: world.Asking{HeldOutPhrasing: true},
		Cluster: world.Options{Docs: docs, Pool: world.HeldOut, Chains: true}})
	if err == nil {
		heldOutTests.Store(key, items)
	}
	return items, err
}

var heldOutTests sync.Map // of items that nobody changes, by the arguments of HeldOut
