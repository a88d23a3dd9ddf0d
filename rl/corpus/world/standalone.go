package world

import (
	"strconv"

	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// The functions below make branches without documents. A branch has
// place i among those of its example.

// verify asks whether two answers are the same: yes for even i, no for odd i.
// Half of the yes have an alias if the class has one. A no is another value
// of the class, a near number, or now and then a word of another class.
func (t *Training) verify(r *rng.Rand, i int) Branch {
	query, class := t.anyQuery(r)
	if chance(r, 0.35) { // the aliases have to be learnt here, so they come more often than their share
		for class != Job && class != Product {
			query, class = t.anyQuery(r)
		}
	}
	b := Branch{Role: role.Verifier, Task: query.kind().Task(), Kind: Verify, Reply: " yes ."}
	var first, second string
	if class == Number {
		n := minNumber + r.Intn(maxNumber-minNumber+1)
		switch query.op {
		case '+':
			n += minNumber + r.Intn(maxNumber-minNumber+1)
		case '-':
			n = 1 + r.Intn(maxNumber-minNumber)
		}
		first = strconv.Itoa(n)
		second = first
		if i%2 == 1 {
			other := n
			for other == n || other < 1 || other > maxSum {
				if other = 1 + r.Intn(maxSum); chance(r, 0.7) {
					other = n - 2 + r.Intn(5)
				}
			}
			second = strconv.Itoa(other)
		}
	} else {
		members := &names.members[t.opts.Cluster.Pool]
		first = pick(r, members[class])
		second = first
		if alias, has := Alias(first); has && chance(r, 0.5) {
			second = alias
		}
		if i%2 == 1 {
			for other := class; Same(first, second); second = pick(r, members[other]) {
				if chance(r, 0.15) {
					other = Class(r.Intn(numClasses))
				}
			}
		}
	}
	if i%2 == 1 {
		b.Reply = " no ."
	}
	if chance(r, 0.5) {
		first, second = second, first
	}
	b.Suffix = t.prompts.Verifier(task.Question{Text: query.text(t.opts.Asking.phrasing(r))}, first, second)
	return b
}

// grounding asks a question without documents: no one can answer it.
func (t *Training) grounding(r *rng.Rand, _ int) Branch {
	query, class := t.anyQuery(r)
	b := Branch{Role: role.Responder, Task: query.kind().Task(), Kind: Grounding,
		Reply: " the answer is " + role.EmptyDocuments + " ."}
	q := task.Question{Text: query.text(t.opts.Asking.phrasing(r))}
	t.offer(r, 0.3, class, &b, &q)
	_, b.Suffix = t.prompts.Responder(b.Task, nil, q)
	return b
}

// anyQuery returns a question of one to three hops, or a sum or
// difference, of no particular cluster, and the class of its answer.
func (t *Training) anyQuery(r *rng.Rand) (query, Class) {
	if chance(r, 0.2) {
		var terms []path
		for len(terms) < 2 {
			if p := t.anyPath(r, 1); p.class() == Number && (len(terms) == 0 || terms[0].subject != p.subject) {
				terms = append(terms, p)
			}
		}
		return query{op: "+-"[r.Intn(2)], paths: terms}, Number
	}
	p := t.anyPath(r, 1+r.Intn(maxHops))
	return query{paths: []path{p}}, p.class()
}

// anyPath walks over the classes. Only the last value may be something documents are not about.
func (t *Training) anyPath(r *rng.Rand, hops int) path {
	class := Class(r.Intn(numKinds))
	p := path{subject: pick(r, names.members[t.opts.Cluster.Pool][class])}
	for len(p.relations) < hops {
		rel := pick(r, relationsOf[class])
		if value := relations[rel].value; value < numKinds || len(p.relations) == hops-1 {
			p.relations = append(p.relations, rel)
			class = value
		}
	}
	return p
}
