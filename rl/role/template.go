package role

import (
	"fmt"
	"slices"
	"strings"
)

// template is text with {{field}} marks, split once: literals[0], fields[0], literals[1], …, literals[n].
type template struct {
	literals []string
	fields   []string
}

func isFieldName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// parseTemplate splits text. Every required field must occur, and no field may that is neither required nor optional.
func parseTemplate(text string, required, optional []string) (template, error) {
	var t template
	rest := text
	for {
		before, after, open := strings.Cut(rest, "{{")
		t.literals = append(t.literals, before)
		if !open {
			break
		}
		field, tail, closed := strings.Cut(after, "}}")
		if !closed || !isFieldName(field) {
			return template{}, fmt.Errorf("a {{ is not followed by a field name and }}")
		}
		if !slices.Contains(required, field) && !slices.Contains(optional, field) {
			return template{}, fmt.Errorf("the field {{%s}} is unknown here: known are %s", field, marks(append(slices.Clone(required), optional...)))
		}
		t.fields = append(t.fields, field)
		rest = tail
	}
	for _, field := range required {
		if !slices.Contains(t.fields, field) {
			return template{}, fmt.Errorf("the field {{%s}} is missing", field)
		}
	}
	return t, nil
}

func marks(fields []string) string {
	if len(fields) == 0 {
		return "none"
	}
	return "{{" + strings.Join(fields, "}}, {{") + "}}"
}

// render puts values in place of the fields, in one pass: a value that looks like a field stays text.
func (t template) render(values map[string]string) string {
	var b strings.Builder
	b.WriteString(t.literals[0])
	for i, field := range t.fields {
		b.WriteString(values[field])
		b.WriteString(t.literals[i+1])
	}
	return b.String()
}
