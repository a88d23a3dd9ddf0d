package world

import (
	"slices"
	"strconv"

	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// A numeric question asks for a number over one to three hops, for the sum or difference of several, or in how
// many documents a value stands:
//
//	what is the sum of the rank of Tolan and the rank of Kestor ?
//	rank Tolan 7 . rank Kestor 5 . 7 + 5 = 12 . the answer is 12 .
func init() {
	register(task.Numeric, form{
		kinds: map[Kind]shape{
			Lookup:         {hops: 1, number: true},
			LookupTwoHop:   {hops: 2, number: true},
			LookupThreeHop: {hops: 3, number: true},
			Sum:            {op: '+', terms: 2, hops: 1},
			Difference:     {op: '-', terms: 2, hops: 1},

			SumTwoHop:        {op: '+', terms: 2, hops: 2},
			DifferenceTwoHop: {op: '-', terms: 2, hops: 2},
			SumOfThree:       {op: '+', terms: 3, hops: 1},
			Count:            {op: '#'},
		},
		training: []Kind{Arithmetic},
		read:     parseQuery,
		right:    isTrue,
		conclude: concludeWith,
		finish:   finishWith,
		accept:   sameOrMatch(task.Numeric),
	})
}

// calculations returns sums or differences of numbers that lead on from different documents, at most as
// many as there are numbers.
func (c *Cluster) calculations(r *rng.Rand, s shape) []query {
	terms := c.queries(r, shape{hops: s.hops, number: true})
	number := func(p path) int {
		s, _ := c.solve(query{paths: []path{p}})
		n, _ := strconv.Atoi(s.answer)
		return n
	}
	var found []query
	for i := range terms {
		q := query{op: s.op}
		subjects := map[string]bool{}
		for k := range s.terms {
			p := terms[(i+k)%len(terms)].paths[0]
			q.paths = append(q.paths, p)
			subjects[p.subject] = true
		}
		if len(subjects) < s.terms {
			continue
		}
		if s.op == '-' && number(q.paths[0]) < number(q.paths[1]) {
			slices.Reverse(q.paths)
		}
		found = append(found, q)
	}
	return found
}

// counts returns counts of values. Those of several documents mostly come first. Words that have an alias are
// not counted.
func (c *Cluster) counts(r *rng.Rand) []query {
	var found []query
	n := map[Fact]int{} // documents that state a value
	key := func(rel Relation, value string) Fact { return Fact{Relation: rel, Value: value} }
	for _, facts := range c.Facts {
		for _, f := range facts {
			if _, has := Alias(f.Value); has {
				continue
			}
			at := key(f.Relation, f.Value)
			if n[at]++; n[at] == 1 {
				found = append(found, query{op: '#', relation: f.Relation, value: f.Value})
			}
		}
	}
	shuffle(r, found)
	if chance(r, 0.8) {
		several := func(q query) int { return min(n[key(q.relation, q.value)], 2) }
		slices.SortStableFunc(found, func(a, b query) int { return several(b) - several(a) })
	}
	return found
}

// calculate returns a sum, or the difference with the larger number first, and its result.
func calculate(a int, op byte, b int) (sentence, result string) {
	n := a + b
	if op == '-' {
		a, b = max(a, b), min(a, b)
		n = a - b
	}
	result = strconv.Itoa(n)
	return strconv.Itoa(a) + " " + string(op) + " " + strconv.Itoa(b) + " = " + result + " .", result
}

// arithmetic returns a branch of one calculation as replies have it. One sum in three goes on from a sum.
func (t *Training) arithmetic(r *rng.Rand, i int) Branch {
	op := byte('+')
	if i%2 == 1 {
		op = '-'
	}
	var a, b int
	for a == b { // a difference of equal numbers is never asked for, and their sum can be spared
		a, b = minNumber+r.Intn(maxNumber-minNumber+1), minNumber+r.Intn(maxNumber-minNumber+1)
		if op == '+' {
			if chance(r, 1.0/3) {
				a += minNumber + r.Intn(maxNumber-minNumber+1)
			}
			break
		}
	}
	sentence, result := calculate(a, op, b)
	cut := len(sentence) - len(result) - len(" .") - 1
	return Branch{Role: role.Responder, Task: Arithmetic.Task(), Kind: Arithmetic,
		Suffix: " " + sentence[:cut], Reply: sentence[cut:]}
}
