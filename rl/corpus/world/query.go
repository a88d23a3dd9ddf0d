package world

import (
	"slices"
	"strings"
)

// The grammar of questions:
//
//	question = phrasing ( path | "sum of the" terms | "difference of the" terms | "count of the" relation value ) "?"
//	terms    = path "and the" path [ "and the" path ]
//	path     = relation "of" { "the" relation "of" } name
//	phrasing = "what is the" | "name the" | "give the" | "tell the"
//
// A path has one to three relations, each fit for what it is asked
// of. Terms of a sum or difference are numbers. A difference has two. A count is that of the documents that
// state the value.

// phrasings open a question. The last is never used in training.
var phrasings = [...]string{"what is the", "name the", "give the", "tell the"}

const heldOutPhrasing = len(phrasings) - 1

const maxHops = 3

// path leads from a name over relations to a value. relations[0] is a relation of the name itself.
type path struct {
	subject   string
	relations []Relation
}

// class returns the class of the value.
func (p path) class() Class { return relations[p.relations[len(p.relations)-1]].value }

// words returns the path without the article before it: "mayor of the home of Tolan".
func (p path) words() string {
	var b strings.Builder
	for i, rel := range slices.Backward(p.relations) {
		b.WriteString(rel.String())
		b.WriteString(" of ")
		if i > 0 {
			b.WriteString("the ")
		}
	}
	b.WriteString(p.subject)
	return b.String()
}

// query is what a question asks, whatever its wording.
type query struct {
	op    byte   // '+', '-', '#' for a count, or 0 for a single path
	paths []path // one, or the terms, or none of a count

	relation Relation // of a count
	value    string
}

var operations = map[byte]string{'+': "sum", '-': "difference"}

// text returns the question in one of the phrasings.
func (q query) text(phrasing int) string {
	if q.op == '#' {
		return phrasings[phrasing] + " count of the " + q.relation.String() + " " + q.value + " ?"
	}
	what := q.paths[0].words()
	if q.op != 0 {
		what = operations[q.op] + " of the " + what
		for _, p := range q.paths[1:] {
			what += " and the " + p.words()
		}
	}
	return phrasings[phrasing] + " " + what + " ?"
}

// parseQuery reads what text returns, in any phrasing.
func parseQuery(text string) (query, bool) {
	words, closed := cutWords(strings.Fields(text), -1, "?")
	if !closed {
		return query{}, false
	}
	for _, phrasing := range phrasings {
		if rest, ok := cutWords(words, 1, strings.Fields(phrasing)...); ok {
			return parseAsked(rest)
		}
	}
	return query{}, false
}

// parseAsked reads what follows the phrasing.
func parseAsked(words []string) (query, bool) {
	for _, op := range []byte("+-") {
		rest, ok := cutWords(words, 1, operations[op], "of", "the")
		if !ok {
			continue
		}
		return parseTerms(op, rest)
	}
	if rest, ok := cutWords(words, 1, "count", "of", "the"); ok {
		return parseCount(rest)
	}
	p, ok := parsePath(words)
	return query{paths: []path{p}}, ok
}

// parseCount reads what is counted.
func parseCount(words []string) (query, bool) {
	if len(words) != 2 {
		return query{}, false
	}
	rel, known := byWord[words[0]]
	class, is := names.class[words[1]]
	return query{op: '#', relation: rel, value: words[1]}, known && is && relations[rel].value == class
}

// parseTerms reads the terms of an operation.
func parseTerms(op byte, words []string) (query, bool) {
	q := query{op: op}
	most := maxTerms
	if op == '-' {
		most = 2
	}
	for {
		and := slices.Index(words, "and")
		term := words
		if and >= 0 {
			term = words[:and]
		}
		p, ok := parsePath(term)
		if !ok || p.class() != Number || len(q.paths) == most {
			return query{}, false
		}
		q.paths = append(q.paths, p)
		if and < 0 {
			return q, len(q.paths) > 1
		}
		if words, ok = cutWords(words[and:], 1, "and", "the"); !ok {
			return query{}, false
		}
	}
}

func parsePath(words []string) (p path, ok bool) {
	for {
		if len(words) < 3 || words[1] != "of" || len(p.relations) == maxHops {
			return path{}, false
		}
		rel, known := byWord[words[0]]
		if !known {
			return path{}, false
		}
		p.relations = append(p.relations, rel)
		words = words[2:]
		if words[0] != "the" {
			break
		}
		words = words[1:]
	}
	slices.Reverse(p.relations)
	p.subject = words[0]
	if len(words) != 1 {
		return path{}, false
	}
	// A chain of classes must fit: one can ask for the mayor of a home,
	// not for the mayor of a rank.
	class, known := names.class[p.subject]
	for _, rel := range p.relations {
		if !known || relations[rel].subject != class {
			return path{}, false
		}
		class = relations[rel].value
	}
	return p, true
}

// cutWords cuts these words off the start of list (side 1) or its
// end (side −1), and reports whether they are there.
func cutWords(list []string, side int, words ...string) ([]string, bool) {
	n := len(list) - len(words)
	switch {
	case n < 0:
		return nil, false
	case side > 0:
		return list[len(words):], slices.Equal(list[:len(words)], words)
	}
	return list[:n], slices.Equal(list[n:], words)
}
