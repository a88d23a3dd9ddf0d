package eval

import (
	"strings"

	"spell/rl/corpus/world"
	"spell/rl/task"
)

// A Judge tells the truth about questions over a generated corpus.
type Judge struct{ Corpus *world.Corpus }

// Right reports whether a question's reference answer is true, and known whether the question is
// about facts of the cluster.
func (j Judge) Right(cluster string, t task.Task, q task.Question) (right, known bool) {
	c, ok := j.Corpus.Cluster(cluster)
	if !ok {
		return false, false
	}
	_, known = c.Truth(q.Text, t)
	return c.Right(q, t), known
}

// Same reports whether two answers mean the same.
func (j Judge) Same(_ task.Task, a, b string) bool {
	return world.Same(strings.TrimSpace(a), strings.TrimSpace(b))
}
