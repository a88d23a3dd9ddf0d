package eval

import (
	"strings"

	"spell/rl/corpus/world"
	"spell/rl/role"
)

// A Judge tells the truth about questions over a generated corpus.
type Judge struct{ Corpus *world.Corpus }

// Right says whether a question's reference answer is true, and known whether the question is
// about facts of the cluster.
func (j Judge) Right(cluster string, task role.Task, q role.Question) (right, known bool) {
	c, ok := j.Corpus.Cluster(cluster)
	if !ok {
		return false, false
	}
	_, known = c.Truth(q.Text)
	return c.Right(q, task), known
}

// Same says whether two answers mean the same.
func (j Judge) Same(_ role.Task, a, b string) bool {
	return world.Same(strings.TrimSpace(a), strings.TrimSpace(b))
}
