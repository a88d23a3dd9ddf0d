package world

import (
	"strconv"

	"spell/rl/role"
	"spell/tensor/rng"
)

// Branches without documents. Each is made from its place i among the branches of its example.

// verify asks whether two answers are the same: yes for even i, no for odd i. Half of the yes have an alias where the
// class has one. A no is another value of the class, a near number, or now and then a word of another class.
func (t *Training) verify(r *rng.Rand, i int) Branch {
	query, class := t.anyQuery(r)
	if chance(r, 0.35) { // the aliases have to be learnt here, so they come more often than their share
		for class != Job && class != Product {
			query, class = t.anyQuery(r)
		}
	}
	b := Branch{Role: role.Verifier, Kind: Verify, Reply: " yes ."}
	var first, second string
	if class == Number {
		b.Task = role.Numeric
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
	b.Suffix = t.prompts.Verifier(role.Question{Text: query.text(t.opts.Asking.phrasing(r))}, first, second)
	return b
}

// grounding asks a question without documents: no one can answer it.
func (t *Training) grounding(r *rng.Rand, _ int) Branch {
	query, class := t.anyQuery(r)
	b := Branch{Role: role.Responder, Kind: Grounding, Reply: " the answer is " + role.EmptyDocuments + " ."}
	q := role.Question{Text: query.text(t.opts.Asking.phrasing(r))}
	switch {
	case class == Number:
		b.Task = role.Numeric
	case chance(r, 0.3):
		b.Task = role.MultipleChoice
		q.Options, _ = t.anyOptions(r, class)
	}
	_, b.Suffix = t.prompts.Responder(b.Task, nil, q)
	return b
}

// arithmetic is a calculation as replies have it.
func (t *Training) arithmetic(r *rng.Rand, i int) Branch {
	op := byte('+')
	if i%2 == 1 {
		op = '-'
	}
	var a, b int
	for a == b { // a difference of equal numbers is never asked for, and their sum can be spared
		a, b = minNumber+r.Intn(maxNumber-minNumber+1), minNumber+r.Intn(maxNumber-minNumber+1)
		if op == '+' {
			break
		}
	}
	sentence, result := calculate(a, op, b)
	cut := len(sentence) - len(result) - len(" .") - 1
	return Branch{Role: role.Responder, Task: role.Numeric, Kind: Arithmetic, Suffix: " " + sentence[:cut], Reply: sentence[cut:]}
}

// letter ends a reply to a multiple-choice question whose evidence the prompt already gives.
func (t *Training) letter(r *rng.Rand, _ int) Branch {
	var f Fact
	for {
		rel := Relation(r.Intn(numRelations))
		if class := relations[rel].value; class != Number {
			members := &names.members[t.opts.Cluster.Pool]
			f = Fact{pick(r, members[relations[rel].subject]), rel, ""}
			break
		}
	}
	list, right := t.anyOptions(r, relations[f.Relation].value)
	f.Value = list[right]
	if alias, has := Alias(f.Value); has && chance(r, t.opts.Asking.Alias) {
		f.Value = alias
	}
	query := query{paths: []path{{f.Subject, []Relation{f.Relation}}}}
	q := role.Question{Text: query.text(t.opts.Asking.phrasing(r)), Options: list}
	b := Branch{Role: role.Responder, Task: role.MultipleChoice, Kind: Letter, Reply: choose(list, right)}
	_, b.Suffix = t.prompts.Responder(b.Task, nil, q)
	b.Suffix += " " + f.String()
	return b
}

// anyOptions puts any value of a class among three others.
func (t *Training) anyOptions(r *rng.Rand, class Class) (list []string, right int) {
	pool := t.opts.Cluster.Pool
	answer := pick(r, names.members[pool][class])
	list, letter := options(r, answer, class, &Cluster{Pool: pool})
	return list, int(letter[0] - role.Letters[0])
}

// anyQuery asks for something of one or two hops, or for a sum or difference, of no particular cluster.
func (t *Training) anyQuery(r *rng.Rand) (query, Class) {
	if chance(r, 0.2) {
		var terms []path
		for len(terms) < 2 {
			if p := t.anyPath(r, 1); p.class() == Number && (len(terms) == 0 || terms[0].subject != p.subject) {
				terms = append(terms, p)
			}
		}
		return query{"+-"[r.Intn(2)], terms}, Number
	}
	p := t.anyPath(r, 1+r.Intn(2))
	return query{paths: []path{p}}, p.class()
}

// anyPath walks over the classes: only the last value may be something documents are not about.
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
