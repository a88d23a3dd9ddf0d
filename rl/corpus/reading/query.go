package reading

import (
	"slices"
	"strings"
)

// The grammar of questions, between single spaces:
//
//	question = "fill :" blank "?"
//	         | "difference :" blank "|" blank "?"
//	         | "which document says :" words "?"
//	         | "what is the" field "of" title "?"
//	blank    = words "___" words
//
// Words stand as in a document, marks included; marks may stand at the ___, too. A field's name may begin
// with that of the line it stands below ("Area total"). Words before and after a blank are at most mostWords
// each, and so are those of a quote.

const (
	gap       = "___"
	mostWords = 24
	leastSays = 3 // words of a quote
	spanWords = 4 // of what fills a blank, at most
)

// form is the form of a question.
type form uint8

const (
	fill form = iota
	difference
	which
	fieldOfPage
)

var openings = [...][]string{
	fill: {"fill", ":"}, difference: {"difference", ":"}, which: {"which", "document", "says", ":"},
	fieldOfPage: {"what", "is", "the"},
}

// A blank is a place of a document: the words before and after what is asked for.
type blank struct{ before, after []string }

// A query is what a question asks.
type query struct {
	form   form
	blanks []blank    // of fill one, of difference two
	quote  []string   // of which
	fields [][]string // of fieldOfPage: the names that may be meant, and the titles that go with them
	titles [][]string
}

// Typed returns a question that a person typed as those of the grammar are written: with the letters of its opening
// small, that of a text with a blank before it, and a question mark of its own.
//
//	"What is the Capital of Peru?" is "what is the Capital of Peru ?"
//	"It was founded in ___ by"     is "fill : It was founded in ___ by ?"
func Typed(question string) string {
	words := strings.Fields(strings.TrimRight(strings.TrimSpace(question), "? "))
	opened := false
	for _, opening := range openings {
		n := len(opening)
		opened = len(words) >= n && slices.EqualFunc(words[:n], opening, strings.EqualFold)
		if opened {
			copy(words, opening)
			break
		}
	}
	if !opened && strings.Contains(question, gap) {
		words = append(slices.Clone(openings[fill]), words...)
	}
	return strings.Join(append(words, "?"), " ")
}

// parseQuery reads a question without its options.
func parseQuery(text string) (query, bool) {
	words := strings.Fields(text)
	n := len(words) - 1
	if n < 0 || words[n] != "?" || slices.Contains(words[:n], "?") {
		return query{}, false
	}
	for f, opening := range openings {
		if n > len(opening) && slices.Equal(words[:len(opening)], opening) {
			q := query{form: form(f)}
			return q, q.read(words[len(opening):n])
		}
	}
	return query{}, false
}

// read reads what stands between the opening and the question mark.
func (q *query) read(words []string) bool {
	switch q.form {
	case fill:
		return q.readBlank(words)
	case difference:
		at := slices.Index(words, "|")
		return at > 0 && q.readBlank(words[:at]) && q.readBlank(words[at+1:])
	case which:
		q.quote = spellings(strings.Join(words, " "))
		return leastSays <= len(q.quote) && len(q.quote) <= mostWords
	}
	for i, w := range words {
		if w == "of" && 0 < i && i <= 4*fieldWords && len(words)-i-1 <= 2*titleWords { // with marks between them
			name, title := spellings(strings.Join(words[:i], " ")), spellings(strings.Join(words[i+1:], " "))
			if len(name) > 0 && len(name) <= 2*fieldWords && len(title) > 0 && len(title) <= titleWords {
				q.fields, q.titles = append(q.fields, name), append(q.titles, title)
			}
		}
	}
	return len(q.fields) > 0
}

// readBlank reads a blank with the words around it.
func (q *query) readBlank(words []string) bool {
	holds := func(w string) bool { return strings.Contains(w, gap) }
	at := slices.IndexFunc(words, holds)
	if at < 0 || strings.ContainsFunc(words[at], inWord) || slices.ContainsFunc(words[at+1:], holds) {
		return false
	}
	b := blank{spellings(strings.Join(words[:at], " ")), spellings(strings.Join(words[at+1:], " "))}
	q.blanks = append(q.blanks, b)
	return 0 < len(b.before) && len(b.before) <= mostWords && 0 < len(b.after) && len(b.after) <= mostWords
}
