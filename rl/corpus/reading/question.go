package reading

import (
	"strings"

	"spell/rl/task"
	"spell/tensor/rng"
)

// Question is a question about documents. Its reference answer is true.
type Question struct {
	task.Question
	Task task.Task
	Kind Kind
	Docs []int // the documents it needs, each once
}

// tries is how many places are tried for a question of a kind.
const tries = 40

// Question asks a random question of a kind. It returns false if the cluster has none, or so few that none
// was found.
func (c *Cluster) Question(r *rng.Rand, kind Kind) (Question, bool) {
	return c.question(r, kind, nil, false)
}

// question asks a random question of a kind that is not in asked. If it is led, the words that point at a place begin
// where a sentence or a line does.
func (c *Cluster) question(r *rng.Rand, kind Kind, asked map[string]bool, led bool) (Question, bool) {
	c.candidates()
	m := manners[kind.Task()]
	for range tries {
		text, ok := c.draw(r, kind, led)
		if !ok || asked[text] {
			continue
		}
		q := Question{Task: kind.Task(), Kind: kind}
		t, s, ok := c.truth(text, q.Task)
		if !ok || !plain(s.answer) || m.pose == nil && !readable(q.Task, s.answer) ||
			kind == Which && strings.Contains(text, s.answer) { // whoever repeats it is right
			continue
		}
		q.Text, q.Answer, q.Docs = text, s.answer, t.Docs
		if m.pose == nil || m.pose(r, c, &s, &q.Question, led) {
			return q, true
		}
	}
	return Question{}, false
}

// draw returns the text of a question of a kind about a random place, which may have several answers.
func (c *Cluster) draw(r *rng.Rand, kind Kind, led bool) (text string, ok bool) {
	opening := func(f form) string { return strings.Join(openings[f], " ") + " " }
	switch kind {
	case Cloze, Choice:
		text, ok = c.drawBlank(r, c.anyClass(r), led)
		text = opening(fill) + text
	case Number:
		text, ok = c.drawBlank(r, figure, led)
		text = opening(fill) + text
	case Difference:
		if len(c.spans[figure]) == 0 {
			break
		}
		first, second := pick(r, c.spans[figure]), pick(r, c.spans[figure])
		if !alike(c.text(first.span), c.text(second.span)) {
			break
		}
		var other string
		if text, ok = c.blankAt(r, first, led); ok {
			other, ok = c.blankAt(r, second, led)
		}
		text = opening(difference) + text + " | " + other
	case Which:
		if len(c.quotes) > 0 {
			q := pick(r, c.quotes)
			n := between(r, leastQuote, min(mostQuote, q.n))
			if !led {
				q.word += int32(r.Intn(q.n - n + 1))
			}
			quote := c.docs[q.doc].quote(int(q.word), int(q.word)+n)
			text, ok = opening(which)+quote, plain(quote)
		}
	case Field:
		if len(c.named) > 0 {
			e := pick(r, c.named)
			doc := &c.docs[e.doc]
			name := oneSpace(doc.text[e.field.name.start:e.field.name.end])
			if e.field.head.end > 0 {
				name = strings.TrimRight(oneSpace(doc.text[e.field.head.start:e.field.head.end]), ":*_ ") + " " + name
			}
			ok = plain(name) && plain(doc.title) && (e.field.head.end > 0 || startsUpper(name)) &&
				!none(doc.text[e.field.value.start:e.field.value.end])
			text = opening(fieldOfPage) + name + " of " + doc.title
		}
	}
	return text + " ?", ok
}

// none reports whether a text says that there is nothing to say.
func none(s string) bool {
	switch canonical(s) {
	case "na", "n a", "none", "nil", "unknown", "na %", "na $", "$ na":
		return true
	}
	return false
}

// anyClass returns the class of what is asked for: half of them are names, where there are any.
func (c *Cluster) anyClass(r *rng.Rand) class {
	of := []class{name, name, rare, figure}[r.Intn(4)]
	for range numClasses {
		if len(c.spans[of]) > 0 {
			break
		}
		of = (of + 1) % numClasses
	}
	return of
}

const (
	leastBefore, mostBefore = 4, 8 // words before a blank that is asked for
	leastAfter, mostAfter   = 2, 4 // and after it
	enoughBefore            = 3    // words of the sentence before a blank that do without others
	mostLead                = 12   // words of it that a blank stands behind in a question that begins where it does
)

// alike reports whether a difference of two figures makes sense: whole numbers, both years or none.
func alike(a, b string) bool {
	m, first := whole(a)
	n, second := whole(b)
	return first && second && m != n && isYear(a) == isYear(b)
}

// isYear reports whether a figure is written as a year of our time is.
func isYear(s string) bool { return len(s) == len("1789") && "1500" <= s && s <= "2100" }

// drawBlank returns a blank in place of a random span of a class.
func (c *Cluster) drawBlank(r *rng.Rand, of class, led bool) (string, bool) {
	if len(c.spans[of]) == 0 {
		return "", false
	}
	return c.blankAt(r, pick(r, c.spans[of]), led)
}

// blankAt returns a blank in place of a span with the words around it: those of its sentence from its beginning on,
// or some of a long one, and of the sentences beside it where it has too few. If it is led, it begins where its
// sentence does in any case.
func (c *Cluster) blankAt(r *rng.Rand, s candidate, led bool) (string, bool) {
	before, after := between(r, leastBefore, mostBefore), between(r, leastAfter, mostAfter)
	switch own := int(s.word - s.from); {
	case led && (own == 0 || own > mostLead):
		return "", false
	case led || enoughBefore <= own && own <= mostLead:
		before = own
	case own > mostLead:
		before = min(before, own)
	}
	if own := int(s.to-s.word) - s.n; own > 0 {
		after = min(after, own)
	}
	before = min(before, int(s.word))
	after = min(after, len(c.docs[s.doc].words)-int(s.word)-s.n)
	if before == 0 || after == 0 {
		return "", false
	}
	e := c.around(s.span, before, after)
	return e.text[:e.start] + gap + e.text[e.end:], plain(e.text)
}
