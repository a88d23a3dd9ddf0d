package eval

import (
	"strings"

	"spell/rl/corpus/world"
	"spell/rl/task"
	"spell/tensor/rng"
)

// A Judge tells the truth about questions over a generated corpus.
type Judge struct{ Corpus *world.Corpus }

// Right reports whether a question's reference answer is true, and known whether the question is
// about facts of the cluster; of the whole one, if it was divided.
func (j Judge) Right(cluster string, t task.Task, q task.Question) (right, known bool) {
	c, ok := j.Corpus.Cluster(cluster)
	if !ok { // a cluster that was divided to fit a prompt: "name" and "name (2)", about the same entities
		whole, _, _ := strings.Cut(cluster, " (")
		if c, ok = j.Corpus.Cluster(whole); !ok {
			return false, false
		}
	}
	_, known = c.Truth(q.Text, t)
	return c.Right(q, t), known
}

// Ask returns a true question of a kind about a cluster; ok is false if there is none.
func (j Judge) Ask(cluster string, t task.Task, random *rng.Rand) (q task.Question, ok bool) {
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
func (j Judge) Same(_ task.Task, a, b string) bool {
	return world.Same(strings.TrimSpace(a), strings.TrimSpace(b))
}
