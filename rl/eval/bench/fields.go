package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spell/rl/jsonl"
	"spell/rl/records"
)

// fields are those of a record. What is null is not there.
type fields map[string]any

// has reports whether all of the fields are there.
func (f fields) has(names ...string) bool {
	for _, name := range names {
		if f[name] == nil {
			return false
		}
	}
	return true
}

// first returns the first of some names that is there, or the first of all.
func (f fields) first(names ...string) string {
	for _, name := range names {
		if f.has(name) {
			return name
		}
	}
	return names[0]
}

// text returns a field that must be text with something in it.
func (f fields) text(name string) (string, error) {
	s, ok := f[name].(string)
	switch {
	case !f.has(name):
		return "", fmt.Errorf("the field %q is missing", name)
	case !ok:
		return "", fmt.Errorf("the field %q is %s where text is wanted", name, records.Kind(f[name]))
	case strings.TrimSpace(s) == "":
		return "", fmt.Errorf("the field %q is empty", name)
	}
	return strings.TrimSpace(s), nil
}

// optional returns the text of a field, or of a number, or nothing if it is not there.
func (f fields) optional(name string) string {
	s, _ := textOf(f[name])
	return s
}

// textOf returns text, or a number as it is written.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	}
	return "", false
}

// list returns a field that must be a list, or text that is one in JSON, as tables have it.
func (f fields) list(name string) ([]any, error) {
	v := f[name]
	if s, ok := v.(string); ok && strings.HasPrefix(strings.TrimSpace(s), "[") {
		inner, err := jsonl.Parse([]byte(s))
		if err != nil {
			return nil, fmt.Errorf("the field %q is text and no list in JSON", name)
		}
		v = inner
	}
	list, ok := v.([]any)
	switch {
	case v == nil:
		return nil, fmt.Errorf("the field %q is missing", name)
	case !ok:
		return nil, fmt.Errorf("the field %q is %s where a list is wanted", name, records.Kind(v))
	}
	return list, nil
}

// texts returns a list of texts.
func (f fields) texts(name string) ([]string, error) {
	list, err := f.list(name)
	if err != nil {
		return nil, err
	}
	return textsOf(name, list)
}

func textsOf(name string, v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the field %q holds %s where a list of texts is wanted", name, records.Kind(v))
	}
	texts := make([]string, len(list))
	for i, v := range list {
		if texts[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("element %d of the field %q is %s where text is wanted", i+1, name, records.Kind(v))
		}
	}
	return texts, nil
}

// errNoAnswer is that of a question that is handed out without its answer, as those of test sets are.
var errNoAnswer = errors.New("the question has no answer")

// answer returns the reference answer in a field, which may be a number.
func (f fields) answer(name string) (string, error) {
	s, ok := textOf(f[name])
	switch {
	case f.has(name) && !ok:
		return "", fmt.Errorf("the field %q is %s where an answer is wanted", name, records.Kind(f[name]))
	case s == "":
		return "", errNoAnswer
	}
	return s, nil
}

// setAnswers sets the references to those that differ.
func (q *Question) setAnswers(answers ...string) error {
	q.Answers = nil
	for _, a := range answers {
		if a = strings.TrimSpace(a); a != "" && !slices.Contains(q.Answers, a) {
			q.Answers = append(q.Answers, a)
		}
	}
	if len(q.Answers) == 0 {
		return errNoAnswer
	}
	q.Answer = q.Answers[0]
	return nil
}

// passage writes a document below its title.
func passage(title, text string) string {
	if title = strings.TrimSpace(title); title == "" {
		return text
	}
	return title + "\n" + text
}

// joined writes sentences one behind the other, with a space between those that have none.
func joined(sentences []string) string {
	var b strings.Builder
	space := true
	for _, s := range sentences {
		if s == "" {
			continue
		}
		if !space && !strings.HasPrefix(s, " ") {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		space = strings.HasSuffix(s, " ") || strings.HasSuffix(s, "\n")
	}
	return strings.TrimSpace(b.String())
}
