package role

import (
	"fmt"
	"slices"
	"strings"
)

// template is text with {{field}} marks, split once: literals[0], fields[0], literals[1], …,
// literals[n].
type template struct {
	literals []string
	fields   []string
}

func isFieldName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// parseTemplate splits text. It returns an error, which begins with file and line, if a required
// field does not occur or a field does that is neither required nor optional.
func parseTemplate(file, text string, required, optional []string) (template, error) {
	var t template
	known := slices.Concat(required, optional)
	rest := text
	for {
		before, after, open := strings.Cut(rest, "{{")
		t.literals = append(t.literals, before)
		if !open {
			break
		}
		line := 1 + strings.Count(text[:len(text)-len(after)], "\n")
		field, tail, closed := strings.Cut(after, "}}")
		if !closed || !isFieldName(field) {
			return template{}, fmt.Errorf("%s:%d: a {{ is not followed by a field's name and }}; "+
				"the fields of this file are %s", file, line, marks(known))
		}
		if !slices.Contains(known, field) {
			return template{}, fmt.Errorf("%s:%d: the field {{%s}} is unknown here; the fields of this file are %s",
				file, line, field, marks(known))
		}
		t.fields = append(t.fields, field)
		rest = tail
	}
	for _, field := range required {
		if !slices.Contains(t.fields, field) {
			return template{}, fmt.Errorf("%s: the field {{%s}} is missing; write it where its value belongs",
				file, field)
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

// render puts values in place of the fields, in one pass: a value that looks like a field stays
// text.
func (t template) render(values map[string]string) string {
	var b strings.Builder
	b.WriteString(t.literals[0])
	for i, field := range t.fields {
		b.WriteString(values[field])
		b.WriteString(t.literals[i+1])
	}
	return b.String()
}
