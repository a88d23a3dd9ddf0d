package role

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A mark is what a set puts behind the documents or between two of them. A document that holds it would end before its
// end to whoever reads the prompt, and what follows in it would look like the instruction.
type mark struct {
	some    string         // part of every occurrence
	pattern *regexp.Regexp // finds them
}

// markOf returns the mark that the first line of a text with anything in it is; ok is false if there is none.
func markOf(text string) (m mark, ok bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return m, false
	case len(line) > 2 && line[0] == '<' && line[len(line)-1] == '>': // a tag counts anywhere, in any case
		words := regexp.MustCompile(`[\pL\pN_-]+|\PZ`).FindAllString(line, -1)
		for i := range words {
			words[i] = regexp.QuoteMeta(words[i])
		}
		return mark{"<", regexp.MustCompile(`(?i)` + strings.Join(words, `\s*`))}, true
	}
	return mark{line, regexp.MustCompile(`(?m)^[ \t]*` + regexp.QuoteMeta(line) + `[ \t]*$`)}, true
}

// findMarks finds the marks of the set.
func (p *Prompts) findMarks() {
	add := func(text string) {
		if m, ok := markOf(text); ok {
			p.marks = append(p.marks, m)
		}
	}
	for _, after := range p.documents.literals[1:] {
		add(after)
	}
	if p.between != nil {
		add(p.between.render(nil))
	}
}

// Escape returns a document as prompts show it. In the tag or line that ends the documents in this set, and in a line
// that stands between two of them, it puts a backslash behind the first character, as in <\/text>. A set that puts
// nothing around documents, such as compact, shows them as they are: they have no place to leave. What was escaped
// stays as it is. Every line begins with what indent.txt holds.
func (p *Prompts) Escape(document string) string {
	if p.indent != "" {
		document = p.indented(document)
	}
	for _, m := range p.marks {
		if strings.Contains(document, m.some) && m.pattern.MatchString(document) {
			document = m.pattern.ReplaceAllStringFunc(document, escaped)
		}
	}
	return document
}

// indented returns a document whose lines all begin with the indent; blank ones stay so.
func (p *Prompts) indented(document string) string {
	var out strings.Builder
	for line := range strings.Lines(document) {
		if !strings.HasPrefix(line, p.indent) && strings.TrimSpace(line) != "" {
			out.WriteString(p.indent)
		}
		out.WriteString(line)
	}
	return out.String()
}

// escaped returns a mark that is none.
func escaped(mark string) string {
	space := len(mark) - len(strings.TrimLeftFunc(mark, unicode.IsSpace))
	_, first := utf8.DecodeRuneInString(mark[space:])
	return mark[:space+first] + `\` + mark[space+first:]
}

// Unescaped returns the set that shows documents as they are, whatever marks they hold.
func (p *Prompts) Unescaped() *Prompts {
	plain := *p
	plain.marks = nil
	return &plain
}
