package world

import (
	"strconv"

	"spell/rl/task"
)

// Truth is what is true of a question.
type Truth struct {
	Parsed  bool     // the grammar knows the question
	Kind    Kind     // of the question without its options; meaningful if Parsed
	Answers []string // the true answer as the documents state it, then its alias if it has one
	Docs    []int    // the documents that are needed, in the order of the hops, each once
}

// Is reports whether an answer is true.
func (t Truth) Is(answer string) bool {
	return len(t.Answers) > 0 && Same(t.Answers[0], answer)
}

// Truth reads the text of a question, without options, as a model wrote it. It returns false if the
// question is outside the grammar of its task, and if a fact that it needs is in no document of the
// cluster. A difference of equal numbers is false as well, since it has no answer that may be asked
// for. The larger number of a difference may come first or second.
func (c *Cluster) Truth(text string, of task.Task) (Truth, bool) {
	f, known := forms[of]
	if !known {
		return Truth{}, false
	}
	q, ok := f.read(text)
	if !ok {
		return Truth{}, false
	}
	s, ok := c.solve(q)
	if !ok {
		return Truth{Parsed: true, Kind: q.kind()}, false
	}
	t := Truth{Parsed: true, Kind: q.kind(), Answers: []string{s.answer}, Docs: s.docs}
	if alias, has := Alias(s.answer); has {
		t.Answers = append(t.Answers, alias)
	}
	return t, true
}

// Right reports whether the reference answer of a question is true, as its task has it.
func (c *Cluster) Right(q task.Question, of task.Task) bool {
	t, ok := c.Truth(q.Text, of)
	return ok && forms[of].right(t, q)
}

// solution is how a query is answered.
type solution struct {
	facts  []Fact   // evidence in the order of the hops, first term first
	sums   []string // "7 + 5 = 12 .", of three terms a second one that goes on
	answer string
	docs   []int
}

func (c *Cluster) solve(q query) (s solution, ok bool) {
	if q.op == '#' {
		return c.count(q.relation, q.value)
	}
	var seen [MaxDocs]bool
	terms := make([]string, 0, maxTerms)
	for _, p := range q.paths {
		at := p.subject
		for _, rel := range p.relations {
			value, doc, known := c.value(at, rel)
			if !known {
				return solution{}, false
			}
			s.facts = append(s.facts, Fact{at, rel, value})
			if !seen[doc] {
				seen[doc] = true
				s.docs = append(s.docs, doc)
			}
			at = value
		}
		terms = append(terms, at)
	}
	s.answer = terms[0]
	for _, term := range terms[1:] {
		a, _ := strconv.Atoi(s.answer)
		b, _ := strconv.Atoi(term)
		if q.op == '-' && a == b {
			return solution{}, false
		}
		var sum string
		sum, s.answer = calculate(a, q.op, b)
		s.sums = append(s.sums, sum)
	}
	return s, true
}

// count returns the documents that state a value of a relation.
func (c *Cluster) count(rel Relation, value string) (s solution, ok bool) {
	for d, facts := range c.Facts {
		for _, f := range facts {
			if f.Relation == rel && Same(f.Value, value) {
				s.facts, s.docs = append(s.facts, f), append(s.docs, d)
			}
		}
	}
	s.answer = strconv.Itoa(len(s.facts))
	return s, len(s.facts) > 0
}
