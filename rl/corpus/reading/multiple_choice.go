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
// Of a led question those before it are the first of the class in the documents, one after the other, and those behind
// it the next after it: a small model that writes them goes on from the option before, and repeats one where it has to
// remember which it had or to choose among all.
func (c *Cluster) options(r *rng.Rand, s *solution, led bool) (list []string, letter string, ok bool) {
	own := s.evidence[0].at
	class, at, ok := c.classOf(own)
	if !ok || led && class == rare { // a word is rare by the whole cluster
		return nil, "", false
	}
	right := r.Intn(len(task.Letters))
	if led {
		list, ok = c.nextOptions(c.spans[class], at, right, s.answer)
	} else {
		list, ok = c.randomOptions(r, class, own, s.answer)
	}
	if !ok {
		return nil, "", false
	}
	return slices.Insert(list, right, s.answer), task.Letters[right : right+1], true
}

// wrongOptions is how many options of a question are wrong.
const wrongOptions = len(task.Letters) - 1

// nextOptions returns the texts of the first n spans and of those behind number at, if they can be options beside the
// answer, which is that one.
func (c *Cluster) nextOptions(all []candidate, at, n int, answer string) (list []string, ok bool) {
	if at < n || at+wrongOptions-n >= len(all) {
		return nil, false
	}
	for _, o := range slices.Concat(all[:n], all[at+1:at+1+wrongOptions-n]) {
		text := c.text(o.span)
		if !isOption(text, answer, list) {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}

// randomOptions returns random spans of the class of an answer, from other documents where there are enough.
func (c *Cluster) randomOptions(r *rng.Rand, of class, own span, answer string) (list []string, ok bool) {
	const tries = 90
	for i := range tries { // the last third may be of the same document, and figures of any shape
		o := pick(r, c.spans[of]).span
		text := c.text(o)
		unlike := o.doc == own.doc || of == figure && shape(text) != shape(answer)
		if unlike && i < 2*tries/3 || !isOption(text, answer, list) {
			continue
		}
		if list = append(list, text); len(list) == wrongOptions {
			return list, true
		}
	}
	return nil, false
}

// isOption reports whether a text can be offered beside an answer and others.
func isOption(text, answer string, others []string) bool {
	same := func(o string) bool { return Same(o, text) }
	return plain(text) && !same(answer) && !slices.ContainsFunc(others, same)
}
