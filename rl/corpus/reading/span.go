package reading

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// class is the kind of words that a span is made of.
type class uint8

const (
	name   class = iota // capitalised words within a sentence
	figure              // a number of more than a digit
	rare                // a long word that the cluster has once
	numClasses
)

// A candidate is a span that may be asked for, and the words of its sentence.
type candidate struct {
	span
	from, to int32
}

// An entry is a field that may be asked for.
type entry struct {
	doc   int
	field field
}

// candidates finds what questions are made of, once.
func (c *Cluster) candidates() {
	c.scan.Do(func() {
		for d := range c.docs {
			doc := &c.docs[d]
			at := 0
			for _, line := range lines(doc.text) {
				for _, s := range sentences(doc.text, line) {
					for at < len(doc.words) && int(doc.words[at].start) < s.start {
						at++
					}
					from := at
					for at < len(doc.words) && int(doc.words[at].end) <= s.end {
						at++
					}
					c.sentence(int32(d), from, at)
				}
			}
			if doc.title == "" {
				continue
			}
			for _, f := range doc.fields {
				if n := len(strings.Fields(doc.text[f.value.start:f.value.end])); 0 < n && n <= valueWords {
					c.named = append(c.named, entry{d, f})
				}
			}
		}
	})
}

const (
	leastQuote = 5 // words of a sentence that is quoted
	mostQuote  = 8
	rareChars  = 6 // of a rare word
	commonest  = 4 // times that the cluster may have a name's rarest word
)

// sentence takes in the spans of a sentence, words from to to of a document.
func (c *Cluster) sentence(d int32, from, to int) {
	doc := &c.docs[d]
	if to-from >= leastQuote {
		c.quotes = append(c.quotes, span{pos{d, int32(from)}, to - from})
	}
	if from == to || !strings.ContainsFunc(doc.text[doc.words[from].start:doc.words[to-1].end], unicode.IsLower) {
		return // a heading
	}
	add := func(k class, i, n int) {
		c.spans[k] = append(c.spans[k], candidate{span{pos{d, int32(i)}, n}, int32(from), int32(to)})
	}
	for i := from; i < to; i++ {
		w := doc.words[i]
		text := doc.text[w.start:w.end]
		switch {
		case isFigure(text):
			if len(text) > 1 && strings.Trim(text, "0.,%$€£¥-") != "" {
				add(figure, i, 1)
			}
		case capital(text):
			n := doc.run(i, to)
			if i > from && n <= spanWords && !doc.quoted(i) && c.seldom(doc.words[i:i+n]) && !none(text) {
				add(name, i, n)
			}
			i += n - 1
		case len(c.at[w.id]) == 1 && utf8.RuneCountInString(text) >= rareChars && !strings.ContainsFunc(text, notLower):
			add(rare, i, 1)
		}
	}
}

func notLower(r rune) bool { return !unicode.IsLower(r) }

// figures matches a number in digits.
var figures = regexp.MustCompile(`^-?[$€£¥]?\d+(?:,\d{3})*(?:\.\d+)?%?$`)

// isFigure reports whether a word is a number in digits.
func isFigure(s string) bool { return figures.MatchString(s) }

// capital reports whether a word is written as a name is.
func capital(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r) && len(s) > size
}

// linking are the small words within a name.
var linking = map[string]bool{"of": true, "de": true, "von": true, "van": true, "del": true, "der": true, "la": true}

// run returns how many words a name has that begins with word i and ends before word to.
func (d *document) run(i, to int) int {
	n := 1
	for next := i + 1; next < to && d.close(next); next++ {
		text := d.text[d.words[next].start:d.words[next].end]
		if capital(text) {
			n = next - i + 1
		} else if !linking[text] {
			break
		}
	}
	return n
}

// close reports whether nothing but space stands before a word.
func (d *document) close(i int) bool {
	return strings.TrimSpace(d.text[d.words[i-1].end:d.words[i].start]) == ""
}

// quoted reports whether a quotation begins with a word.
func (d *document) quoted(i int) bool {
	return strings.ContainsAny(d.text[d.words[i-1].end:d.words[i].start], "\"“‘'`.!?")
}

// seldom reports whether one of the words is.
func (c *Cluster) seldom(words []word) bool {
	for _, w := range words {
		if len(c.at[w.id]) <= commonest {
			return true
		}
	}
	return false
}

// classOf returns the class of a span that is a candidate, and its index among those of the class.
func (c *Cluster) classOf(s span) (of class, index int, ok bool) {
	c.candidates()
	for k := range c.spans {
		for i, other := range c.spans[k] {
			if other.span == s {
				return class(k), i, true
			}
		}
	}
	return 0, 0, false
}

// shape returns what figures of a sort share: a text with every digit as 0.
func shape(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '0'
		}
		return r
	}, s)
}
