package world

import (
	"spell/rl/corpus/exercise"
	"spell/rl/task"
	"spell/tensor/rng"
)

// Question is a generated question. Its reference answer is true.
type Question struct {
	task.Question
	Task task.Task
	Kind Kind
	Docs []int // the documents it needs, in the order of the hops

	key string // equal for questions that ask the same
}

// Asking says how questions are worded.
type Asking struct {
	Alias           float64 // probability that a reference answer which has an alias is given by it
	HeldOutPhrasing bool    // only the phrasing "tell the …"
	AllPhrasings    bool    // that one among the others; without either it is never used
}

func (a Asking) phrasing(r *rng.Rand) int {
	if a.HeldOutPhrasing {
		return heldOutPhrasing
	}
	if a.AllPhrasings {
		return r.Intn(len(phrasings))
	}
	return r.Intn(heldOutPhrasing)
}

// Question asks a random question of a kind. It returns false if the cluster has none: a
// homogeneous cluster has no two hops.
func (c *Cluster) Question(r *rng.Rand, kind Kind, how Asking) (Question, bool) {
	return c.question(r, kind, how, nil)
}

// question asks a random question of a kind that is not in asked.
func (c *Cluster) question(r *rng.Rand, kind Kind, how Asking, asked map[string]bool) (Question, bool) {
	for _, query := range c.queries(r, kindShapes[kind]) {
		key := kind.String() + " " + query.text(0)
		if asked[key] {
			continue
		}
		s, ok := c.solve(query)
		if !ok {
			continue
		}
		q := Question{Task: kind.Task(), Kind: kind, Docs: s.docs, key: key}
		q.Text = query.text(how.phrasing(r))
		q.Answer = s.answer
		if alias, has := Alias(s.answer); has && chance(r, how.Alias) {
			q.Answer = alias
		}
		if pose := forms[q.Task].pose; pose != nil {
			pose(r, c, query, &q.Question)
		}
		return q, true
	}
	return Question{}, false
}

// queries returns candidates of a shape in random order.
func (c *Cluster) queries(r *rng.Rand, s shape) []query {
	if s.op == '#' {
		return c.counts(r)
	}
	if s.op != 0 {
		return c.calculations(r, s)
	}
	var found []query
	for d := range c.Facts {
		subject := c.subject(d)
		c.walk(subject, nil, s.hops, map[string]bool{}, func(rels []Relation) {
			p := path{subject, append([]Relation(nil), rels...)}
			if (p.class() == Number) == s.number {
				found = append(found, query{paths: []path{p}})
			}
		})
	}
	return shuffle(r, found)
}

// walk visits all paths of a length that start at a name and pass no name twice.
func (c *Cluster) walk(at string, rels []Relation, hops int, passed map[string]bool, visit func([]Relation)) {
	if hops == 0 {
		visit(rels)
		return
	}
	d, known := c.docOf[at]
	if !known {
		return
	}
	passed[at] = true
	for _, f := range c.Facts[d] {
		if !passed[f.Value] {
			c.walk(f.Value, append(rels, f.Relation), hops-1, passed, visit)
		}
	}
	delete(passed, at)
}

// Weights says how often each kind is asked, in any unit.
type Weights [NumKinds]float64

// draw asks something not asked yet, of a kind that the cluster has, and marks it asked. If
// everything of these kinds is asked it repeats. If the cluster has none of them it asks a one-hop
// question, which every cluster has. Both are not fresh.
func (c *Cluster) draw(r *rng.Rand, weights Weights, how Asking, asked map[string]bool) (q Question, fresh bool) {
	for _, known := range []map[string]bool{asked, nil} {
		left := weights // a copy
		next := func() int { return exercise.Weighted(r, left[:NumQuestionKinds]) }
		for k := next(); k >= 0; k = next() {
			if q, ok := c.question(r, Kind(k), how, known); ok {
				asked[q.key] = true
				return q, known != nil
			}
			left[k] = 0
		}
	}
	q, _ = c.question(r, OneHop, how, nil)
	return q, false
}
