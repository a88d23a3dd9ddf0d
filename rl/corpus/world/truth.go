package world

import (
	"strconv"
	"strings"

	"spell/rl/role"
)

// Truth is what is true of a question.
type Truth struct {
	Parsed  bool     // the grammar knows the question
	Kind    Kind     // of the question without its options; meaningful where Parsed
	Answers []string // the true answer as the documents state it, then its alias if it has one
	Docs    []int    // the documents that are needed, in the order of the hops, each once
}

// Is says whether an answer is true.
func (t Truth) Is(answer string) bool {
	return len(t.Answers) > 0 && Same(t.Answers[0], answer)
}

// Truth reads a question, without options, as a model wrote it. It is false where the question is outside the grammar,
// where a fact that it needs is in no document of the cluster, and for a difference of equal numbers, which has no
// answer that may be asked for. The larger number of a difference may come first or second.
func (c *Cluster) Truth(text string) (Truth, bool) {
	q, ok := parseQuery(text)
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

// Right says whether the reference answer of a question is true; for multiple choice, whether exactly one option is and
// its letter is the answer.
func (c *Cluster) Right(q role.Question, task role.Task) bool {
	t, ok := c.Truth(q.Text)
	if !ok {
		return false
	}
	if task != role.MultipleChoice {
		return t.Is(q.Answer)
	}
	i, ok := t.option(q.Options)
	return ok && role.Letters[i:i+1] == strings.TrimSpace(q.Answer)
}

// option finds the one true option among four.
func (t Truth) option(options []string) (index int, ok bool) {
	if len(options) != len(role.Letters) {
		return 0, false
	}
	index = -1
	for i, o := range options {
		if t.Is(o) {
			if index >= 0 {
				return 0, false
			}
			index = i
		}
	}
	return index, index >= 0
}

// solution is how a query is answered.
type solution struct {
	facts  []Fact // evidence in the order of the hops, first term first
	sum    string // "7 + 5 = 12 .", or empty
	answer string
	docs   []int
}

func (c *Cluster) solve(q query) (s solution, ok bool) {
	var seen [MaxDocs]bool
	terms := make([]string, 0, 2)
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
	if q.op != 0 {
		a, _ := strconv.Atoi(terms[0])
		b, _ := strconv.Atoi(terms[1])
		if q.op == '-' && a == b {
			return solution{}, false
		}
		s.sum, s.answer = calculate(a, q.op, b)
	}
	return s, true
}

// calculate writes a sum, or the difference with the larger number first, and gives its result.
func calculate(a int, op byte, b int) (sentence, result string) {
	n := a + b
	if op == '-' {
		a, b = max(a, b), min(a, b)
		n = a - b
	}
	result = strconv.Itoa(n)
	return strconv.Itoa(a) + " " + string(op) + " " + strconv.Itoa(b) + " = " + result + " .", result
}
