package reading

import (
	"slices"
	"strings"

	"spell/rl/corpus/exercise"
	"spell/rl/task"
	"spell/tensor/rng"
)

// A multiple-choice question asks as a general one does and offers four answers: what fills the blank,
// and spans of its class from elsewhere in the cluster.
//
//	fill : independence from the ___ in 1912, but ? ( A ) NATO ( B ) Ottoman Empire ( C ) Kosovo ( D ) USSR
//	independence from the Ottoman Empire in 1912, but . the answer is Ottoman Empire so ( B ) .
func init() {
	register(task.MultipleChoice, manner{
		kinds: []Kind{Choice},
		kind:  func(f form) (Kind, bool) { return Choice, f != difference },
		pose: func(r *rng.Rand, c *Cluster, s *solution, q *task.Question, led bool) (ok bool) {
			q.Options, q.Answer, ok = c.options(r, s, led)
			return ok
		},
		right: func(t Truth, q task.Question) bool {
			i, ok := exercise.OnlyTrue(q.Options, t.Is)
			return ok && task.Letters[i:i+1] == strings.TrimSpace(q.Answer)
		},
		conclude: func(t Truth, q task.Question) (string, bool) {
			i, ok := exercise.OnlyTrue(q.Options, t.Is)
			if !ok {
				return "", false
			}
			return exercise.Choose(q.Options, i), true
		},
		finish: exercise.FinishChoice,
		accept: func(prediction, reference string) bool {
			return task.MultipleChoice.Match(task.Rules{Strict: true}, prediction, reference)
		},
	})
}

// options returns the answer of a blank among three others of its class, and its letter, each equally likely.
// The others are random ones, from other documents where there are enough. Where the question is led they are
// those that stand behind the answer, the first documents' behind the last's: a small model that writes them goes
// on from one to the next, and where it would choose among all it takes the answer itself too often.
func (c *Cluster) options(r *rng.Rand, s *solution, led bool) (list []string, letter string, ok bool) {
	own := s.evidence[0].at
	class, at, ok := c.classOf(own)
	if !ok || led && class == rare { // a word is rare by the whole cluster
		return nil, "", false
	}
	all := c.spans[class]
	tries, other := 90, func(int) span { return pick(r, all).span }
	if led {
		tries, other = len(all)-1, func(i int) span { return all[(at+1+i)%len(all)].span }
	}
	for i := range tries { // the last third of random ones may be of the same document, and of any shape
		o := other(i)
		text := c.text(o)
		unlike := o.doc == own.doc || class == figure && shape(text) != shape(s.answer)
		if !led && unlike && i < 2*tries/3 {
			continue
		}
		same := func(o string) bool { return Same(o, text) }
		if !plain(text) || same(s.answer) || slices.ContainsFunc(list, same) {
			continue
		}
		if list = append(list, text); len(list) == len(task.Letters)-1 {
			right := r.Intn(len(task.Letters))
			return slices.Insert(list, right, s.answer), task.Letters[right : right+1], true
		}
	}
	return nil, "", false
}
