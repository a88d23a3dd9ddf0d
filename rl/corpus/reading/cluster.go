package reading

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"spell/rl/corpus"
)

// Cluster is the documents of a cluster and what can be asked of them. It may be used concurrently.
type Cluster struct {
	corpus.Cluster
	docs []document
	ids  map[string]int32
	at   [][]pos // of each word, where it stands

	scan   sync.Once // fills what questions are made of
	spans  [numClasses][]candidate
	quotes []span  // sentences of some words
	named  []entry // fields with a title and a short value
}

// A document is a text as questions see it.
type document struct {
	text   string
	title  string // empty if its first line is none
	words  []word
	fields []field
}

// pos is a word of a document.
type pos struct{ doc, word int32 }

// A span is n words of a document.
type span struct {
	pos
	n int
}

// NewCluster reads the documents of a cluster.
func NewCluster(c corpus.Cluster) *Cluster {
	k := &Cluster{Cluster: c, ids: map[string]int32{}}
	for d, doc := range c.Docs {
		k.docs = append(k.docs, k.read(int32(d), doc.Text))
	}
	return k
}

// Over reads texts as the documents of a cluster.
func Over(texts []string) *Cluster {
	var c corpus.Cluster
	for _, t := range texts {
		c.Docs = append(c.Docs, corpus.Document{Text: t})
	}
	return NewCluster(c)
}

// Texts returns the documents as prompts take them.
func (c *Cluster) Texts() []string {
	texts := make([]string, len(c.docs))
	for i := range c.docs {
		texts[i] = c.docs[i].text
	}
	return texts
}

func (c *Cluster) read(d int32, text string) document {
	doc := document{text: text}
	wordsOf(text, func(start, end int, spelling string) {
		id, known := c.ids[spelling]
		if !known {
			id = int32(len(c.ids))
			c.ids[spelling] = id
			c.at = append(c.at, nil)
		}
		c.at[id] = append(c.at[id], pos{d, int32(len(doc.words))})
		doc.words = append(doc.words, word{int32(start), int32(end), id})
	})
	all := lines(text)
	doc.title = titleOf(text, all)
	doc.fields = fieldsOf(text, all)
	return doc
}

// known returns the numbers of words; ok is false if the cluster lacks one.
func (c *Cluster) known(words []string) (ids []int32, ok bool) {
	for _, w := range words {
		id, has := c.ids[w]
		if !has {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, len(ids) > 0
}

// find returns where words stand one behind the other.
func (c *Cluster) find(ids []int32) (all []pos) {
	rarest := 0
	for i, id := range ids {
		if len(c.at[id]) < len(c.at[ids[rarest]]) {
			rarest = i
		}
	}
	for _, p := range c.at[ids[rarest]] {
		p.word -= int32(rarest)
		if c.stand(ids, p) {
			all = append(all, p)
		}
	}
	return all
}

// stand reports whether words stand at a place.
func (c *Cluster) stand(ids []int32, p pos) bool {
	words := c.docs[p.doc].words
	if p.word < 0 || int(p.word)+len(ids) > len(words) {
		return false
	}
	for i, id := range ids {
		if words[int(p.word)+i].id != id {
			return false
		}
	}
	return true
}

// text returns a span as it stands in its document, without the marks around it, in one line.
func (c *Cluster) text(s span) string {
	doc := &c.docs[s.doc]
	return oneSpace(doc.text[doc.words[s.word].start:doc.words[int(s.word)+s.n-1].end])
}

// edges returns the bounds of words from to to of a document with the marks around them.
func (d *document) edges(from, to int) (start, end int) {
	before := strings.TrimRightFunc(d.text[:d.words[from].start], notSpace)
	after := strings.TrimLeftFunc(d.text[d.words[to-1].end:], notSpace)
	return len(before), len(d.text) - len(after)
}

// quote returns words from to to of a document in one line, with the marks around them.
func (d *document) quote(from, to int) string {
	start, end := d.edges(from, to)
	return oneSpace(d.text[start:end])
}

func notSpace(r rune) bool { return !unicode.IsSpace(r) }

const (
	titleWords = 8 // of a title
	titleChars = 60
	firstWords = 6 // that name a document
)

// titleOf returns the title of a text: its first line if that is short, ends like no sentence and has
// text behind it. Of a field it is the value. Marks of headings are none of it.
func titleOf(text string, all []piece) string {
	if len(all) < 2 {
		return ""
	}
	line := text[all[0].start:all[0].end]
	if f, ok := fieldOf(text, all[0]); ok {
		if line = text[f.value.start:f.value.end]; line == "" {
			return ""
		}
	}
	line = strings.Trim(line, "#=*_- \t")
	first, _ := utf8.DecodeRuneInString(line)
	if line == "" || len(line) > titleChars || len(strings.Fields(line)) > titleWords ||
		strings.ContainsAny(line[len(line)-1:], ".,;:!?") || !unicode.IsUpper(first) && !unicode.IsNumber(first) ||
		!strings.ContainsFunc(line, unicode.IsLetter) {

		return ""
	}
	return oneSpace(line)
}

// called returns the words that name a document: its title or its first words, at most firstWords of
// either.
func (d *document) called() string {
	text := d.title
	if text == "" {
		if len(d.words) == 0 {
			return ""
		}
		text = d.text[d.words[0].start:d.words[min(firstWords, len(d.words))-1].end]
	}
	var at, end, n int
	wordsOf(text, func(start, stop int, _ string) {
		if n++; n == 1 {
			at = start
		}
		if n <= firstWords {
			end = stop
		}
	})
	return oneSpace(text[at:end])
}

// A field is a line "Field: value" of a document.
type field struct {
	head  piece // the name with a colon of the line above that has no value; empty: none
	name  piece
	value piece // its first clause
	whole piece
}

const (
	fieldWords = 6 // of a field's name
	valueWords = 8 // of a value that is asked for
)

// fieldName matches the beginning of a line that states a field.
var fieldName = regexp.MustCompile(`^[-*•\s]*[*_]{0,2}([\pL\pN][^:\n.!?*]{0,47}?)[*_]{0,2}:[*_]{0,2}(?:\s+|$)`)

// fieldOf reads a line as a field.
func fieldOf(text string, line piece) (f field, ok bool) {
	s := text[line.start:line.end]
	at := fieldName.FindStringSubmatchIndex(s)
	if at == nil || len(strings.Fields(s[at[2]:at[3]])) > fieldWords {
		return f, false
	}
	f.name = piece{line.start + at[2], line.start + at[3]}
	f.whole = piece{line.start + at[1], line.end}
	f.value = trimmed(text, piece{f.whole.start, f.whole.start + clause(text[f.whole.start:f.whole.end])})
	return f, true
}

// clause returns where the first clause of a value ends: before a remark in brackets, a semicolon or
// the sign of another entry.
func clause(value string) int {
	end := len(value)
	for _, mark := range []string{" (", ";", " ++", " | "} {
		if i := strings.Index(value[:end], mark); i > 0 {
			end = i
		}
	}
	return end
}

// fieldsOf returns the fields of a text. A field whose name begins with a small letter or a digit belongs
// to the last line before it with a name alone, unless another field stands between them.
func fieldsOf(text string, all []piece) (fields []field) {
	var head piece
	for _, line := range all {
		f, ok := fieldOf(text, line)
		if !ok {
			head = piece{}
			continue
		}
		lower := !startsUpper(text[f.name.start:])
		switch {
		case f.value.start == f.value.end:
			head = piece{f.name.start, line.end}
			continue
		case lower:
			f.head = head
		default:
			head = piece{}
		}
		fields = append(fields, f)
	}
	return fields
}

func startsUpper(s string) bool {
	for _, r := range s {
		return unicode.IsUpper(r)
	}
	return false
}
