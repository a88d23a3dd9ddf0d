package world

import (
	"strconv"

	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// A numeric question asks for a number over one to three hops, or for the sum or difference of two:
//
//	what is the sum of the rank of Tolan and the rank of Kestor ?
//	rank Tolan 7 . rank Kestor 5 . 7 + 5 = 12 . the answer is 12 .
func init() {
	register(task.Numeric, form{
		kinds: map[Kind]shape{
			Lookup:         {hops: 1, number: true},
			LookupTwoHop:   {hops: 2, number: true},
			LookupThreeHop: {hops: 3, number: true},
			Sum:            {op: '+'},
			Difference:     {op: '-'},
		},
		training: []Kind{Arithmetic},
		read:     parseQuery,
		right:    isTrue,
		conclude: concludeWith,
		finish:   finishWith,
		accept:   sameOrMatch(task.Numeric),
	})
}

// calculations returns sums or differences of two numbers of
// different documents, at most as many as there are numbers.
func (c *Cluster) calculations(r *rng.Rand, op byte) []query {
	terms := c.queries(r, kindShapes[Lookup])
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

// arithmetic returns a branch of one calculation as replies have it.
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
	return Branch{Role: role.Responder, Task: Arithmetic.Task(), Kind: Arithmetic,
		Suffix: " " + sentence[:cut], Reply: sentence[cut:]}
}
