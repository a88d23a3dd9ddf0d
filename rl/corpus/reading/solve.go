package reading

import (
	"slices"
	"strconv"
	"strings"
)

// solution is how a query is answered. Its pieces are of a first place that fits; all others give the same
// answer.
type solution struct {
	query
	evidence []evidence // in the order of the blanks
	sum      string     // "7 - 5 = 2 ." of a difference
	answer   string
	others   []string // that are true as well
	docs     []int    // the documents that are needed, each once
}

// evidence is a piece of a document in one line, and what of it answers.
type evidence struct {
	text       string
	start, end int  // of the answer in the text; equal if it is not there
	at         span // that fills a blank
}

// solve answers a query. found is false if no place of the documents fits it, ok if they give several
// answers, or none of the kind that is asked for.
func (c *Cluster) solve(q query) (s solution, found, ok bool) {
	switch q.form {
	case fill:
		return c.solveFill(q)
	case difference:
		return c.solveDifference(q)
	case which:
		return c.solveWhich(q)
	}
	return c.solveField(q)
}

// fillings returns the places that fit a blank: up to spanWords words each.
func (c *Cluster) fillings(b blank) (all []span) {
	before, ok := c.known(b.before)
	if !ok {
		return nil
	}
	after, ok := c.known(b.after)
	if !ok {
		return nil
	}
	for _, p := range c.find(before) {
		p.word += int32(len(before))
		for n := 1; n <= spanWords; n++ {
			if c.stand(after, pos{p.doc, p.word + int32(n)}) {
				all = append(all, span{p, n})
			}
		}
	}
	return all
}

// filled returns the one thing that fills a blank, at its first place.
func (c *Cluster) filled(b blank) (e evidence, found, ok bool) {
	all := c.fillings(b)
	if len(all) == 0 {
		return e, false, false
	}
	first := canonical(c.text(all[0]))
	for _, s := range all[1:] {
		if canonical(c.text(s)) != first {
			return e, true, false
		}
	}
	return c.around(all[0], len(b.before), len(b.after)), true, first != ""
}

// around returns a span with as many words of the document before and after it, and the marks around them.
func (c *Cluster) around(s span, before, after int) evidence {
	doc := &c.docs[s.doc]
	at := int(s.word)
	from, to := doc.edges(at-before, at+s.n+after)
	start := len(oneSpace(doc.text[from:doc.words[at].start]+"x")) - 1
	return evidence{text: oneSpace(doc.text[from:to]), start: start, end: start + len(c.text(s)), at: s}
}

func (c *Cluster) solveFill(q query) (s solution, found, ok bool) {
	e, found, ok := c.filled(q.blanks[0])
	if !ok {
		return s, found, false
	}
	return solution{query: q, evidence: []evidence{e}, answer: e.text[e.start:e.end], docs: []int{int(e.at.doc)}},
		true, true
}

// mostWhole is the largest number that is calculated with.
const mostWhole = 9999

// whole reads a whole number that is calculated with.
func whole(s string) (int, bool) {
	n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	return n, err == nil && 0 <= n && n <= mostWhole && canonical(s) == strconv.Itoa(n)
}

func (c *Cluster) solveDifference(q query) (s solution, found, ok bool) {
	s.query = q
	var terms []int
	for _, b := range q.blanks {
		e, there, one := c.filled(b)
		if !there {
			return s, false, false
		}
		n, is := 0, false
		if one {
			n, is = whole(e.text[e.start:e.end])
		}
		if is {
			terms = append(terms, n)
		}
		s.evidence = append(s.evidence, e)
		if d := int(e.at.doc); !slices.Contains(s.docs, d) {
			s.docs = append(s.docs, d)
		}
	}
	if len(terms) < 2 || terms[0] == terms[1] {
		return s, true, false
	}
	s.sum, s.answer = subtract(terms[0], terms[1])
	return s, true, true
}

// subtract returns the difference with the larger number first, and its result.
func subtract(a, b int) (sentence, result string) {
	a, b = max(a, b), min(a, b)
	result = strconv.Itoa(a - b)
	return strconv.Itoa(a) + " - " + strconv.Itoa(b) + " = " + result + " .", result
}

func (c *Cluster) solveWhich(q query) (s solution, found, ok bool) {
	ids, known := c.known(q.quote)
	if !known {
		return s, false, false
	}
	all := c.find(ids)
	if len(all) == 0 {
		return s, false, false
	}
	s.query, s.answer, s.docs = q, c.docs[all[0].doc].called(), []int{int(all[0].doc)}
	for _, p := range all {
		if !Same(c.docs[p.doc].called(), s.answer) {
			return s, true, false
		}
	}
	first := &c.docs[all[0].doc]
	for d := range c.docs { // another document of that name would be meant as well; the same page is no other
		doc := &c.docs[d]
		holds := slices.ContainsFunc(all, func(p pos) bool { return int(p.doc) == d })
		page := doc.title != "" && doc.title == first.title
		if !holds && !page && Same(doc.called(), s.answer) {
			return s, true, false
		}
	}
	s.evidence = []evidence{{text: first.quote(int(all[0].word), int(all[0].word)+len(ids))}}
	return s, true, true
}

func (c *Cluster) solveField(q query) (s solution, found, ok bool) {
	s.query = q
	for d := range c.docs {
		doc := &c.docs[d]
		title := spellings(doc.title)
		for i, want := range q.titles {
			if len(title) == 0 || !slices.Equal(title, want) {
				continue
			}
			for _, f := range doc.fields {
				if !doc.is(f, q.fields[i]) {
					continue
				}
				answer := oneSpace(doc.text[f.value.start:f.value.end])
				if !found {
					found, s.answer, s.docs = true, answer, []int{d}
					s.evidence = []evidence{doc.states(f)}
					if whole := oneSpace(doc.text[f.whole.start:f.whole.end]); whole != answer {
						s.others = []string{whole}
					}
				} else if !Same(answer, s.answer) {
					return s, true, false
				}
			}
		}
	}
	return s, found, found && canonical(s.answer) != "" && len(strings.Fields(s.answer)) <= valueWords
}

// titleMark stands between a title and its field.
const titleMark = " : "

// is reports whether words are the name of a field, with or without that of the line above.
func (d *document) is(f field, words []string) bool {
	name := spellings(d.text[f.name.start:f.name.end])
	if slices.Equal(name, words) {
		return true
	}
	return f.head.end > 0 && slices.Equal(append(spellings(d.text[f.head.start:f.head.end]), name...), words)
}

// states returns the evidence of a field: the title, the line above if it belongs to one, and the line as
// far as its answer goes. A mark that is not in the document parts the title from the rest: a small model that copies
// goes on with what stands below the title otherwise.
//
//	Albania : Area: total: 28,748 sq km
func (d *document) states(f field) evidence {
	text := d.title + titleMark
	if f.head.end > 0 {
		text += oneSpace(d.text[f.head.start:f.head.end]) + " "
	}
	text += oneSpace(d.text[f.name.start:f.value.start] + "x")
	start := len(text) - 1
	text = text[:start] + oneSpace(d.text[f.value.start:f.value.end])
	return evidence{text: text, start: start, end: len(text)}
}
