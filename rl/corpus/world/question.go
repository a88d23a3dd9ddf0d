package world

import (
	"strconv"

	"spell/rl/role"
	"spell/tensor/rng"
)

// Question is a generated question. Its reference answer is true.
type Question struct {
	role.Question
	Task role.Task
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

// Question asks a random question of a kind. It is false where the cluster has none: a homogeneous cluster has no two
// hops.
func (c *Cluster) Question(r *rng.Rand, kind Kind, how Asking) (Question, bool) {
	return c.question(r, kind, how, nil)
}

// question leaves out what is asked already.
func (c *Cluster) question(r *rng.Rand, kind Kind, how Asking, asked map[string]bool) (Question, bool) {
	for _, query := range c.queries(r, kind) {
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
		if q.Task == role.MultipleChoice {
			q.Options, q.Answer = options(r, q.Answer, query.paths[0].class(), c)
		}
		return q, true
	}
	return Question{}, false
}

// queries lists candidates for a kind in random order.
func (c *Cluster) queries(r *rng.Rand, kind Kind) []query {
	if kind == Sum || kind == Difference {
		return c.calculations(r, kind)
	}
	hops, number := 1, kind == Lookup || kind == LookupTwoHop || kind == LookupThreeHop
	switch kind {
	case TwoHop, LookupTwoHop, ChoiceTwoHop:
		hops = 2
	case ThreeHop, LookupThreeHop:
		hops = 3
	}
	var found []query
	for d := range c.Facts {
		subject := c.subject(d)
		c.walk(subject, nil, hops, map[string]bool{}, func(rels []Relation) {
			p := path{subject, append([]Relation(nil), rels...)}
			if (p.class() == Number) == number {
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

// calculations lists sums or differences of two numbers of different documents: as many as there are numbers.
func (c *Cluster) calculations(r *rng.Rand, kind Kind) []query {
	terms := c.queries(r, Lookup)
	op := byte('+')
	if kind == Difference {
		op = '-'
	}
	number := func(q query) int {
		s, _ := c.solve(q)
		n, _ := strconv.Atoi(s.answer)
		return n
	}
	var found []query
	for i, a := range terms {
		b := terms[(i+1)%len(terms)]
		if a.paths[0].subject == b.paths[0].subject {
			continue
		}
		if op == '-' && number(a) < number(b) {
			a, b = b, a
		}
		found = append(found, query{op, []path{a.paths[0], b.paths[0]}})
	}
	return found
}

// options puts an answer among three others of its class and returns them with its letter, each letter equally likely.
// About half of the others are named in the cluster.
func options(r *rng.Rand, answer string, class Class, c *Cluster) (list []string, letter string) {
	near := c.named(class)
	used := func(v string) bool {
		for _, o := range list {
			if Same(o, v) {
				return true
			}
		}
		return Same(answer, v)
	}
	near = shuffle(r, near)
	for len(list) < len(role.Letters)-1 {
		v := pick(r, names.members[c.Pool][class])
		if len(near) > 0 && chance(r, 0.5) {
			v, near = near[0], near[1:]
		}
		if !used(v) {
			list = append(list, v)
		}
	}
	right := r.Intn(len(role.Letters))
	list = append(list[:right], append([]string{answer}, list[right:]...)...)
	return list, role.Letters[right : right+1]
}

// named lists what the cluster's documents name of a class, each once.
func (c *Cluster) named(class Class) []string {
	var list []string
	seen := map[string]bool{}
	add := func(name string, of Class) {
		if of == class && !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, facts := range c.Facts {
		for _, f := range facts {
			add(f.Subject, relations[f.Relation].subject)
			add(f.Value, relations[f.Relation].value)
		}
	}
	return list
}

// Weights says how often each kind is asked, in any unit.
type Weights [NumKinds]float64

// draw asks something not asked yet, of a kind that the cluster has, and marks it asked. Where everything of these kinds
// is asked, it repeats; where the cluster has none of them, it asks a one-hop question, which every cluster has. Both are
// not fresh.
func (c *Cluster) draw(r *rng.Rand, weights Weights, how Asking, asked map[string]bool) (q Question, fresh bool) {
	for _, known := range []map[string]bool{asked, nil} {
		left := weights // a copy
		for k := weighted(r, left[:NumQuestionKinds]); k >= 0; k = weighted(r, left[:NumQuestionKinds]) {
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
