package reading

import (
	"slices"

	"spell/rl/task"
)

// Truth is what is true of a question.
type Truth struct {
	Parsed  bool     // the grammar knows the question, and its task asks such
	Found   bool     // a place of the documents fits it
	Kind    Kind     // meaningful if Parsed
	Answers []string // the true answer as the documents state it, then others that are true; none if there are several
	Docs    []int    // the documents that are needed, each once
}

// Is reports whether an answer is true.
func (t Truth) Is(answer string) bool {
	return slices.ContainsFunc(t.Answers, func(a string) bool { return Same(a, answer) })
}

// Truth reads the text of a question, without options, as a model wrote it. It returns false if the
// question is outside the grammar of its task, if no place of the documents fits it, and if those that do
// give different answers. A difference of equal numbers is false as well, since it has no answer that may
// be asked for.
func (c *Cluster) Truth(text string, of task.Task) (Truth, bool) {
	t, _, ok := c.truth(text, of)
	return t, ok
}

func (c *Cluster) truth(text string, of task.Task) (t Truth, s solution, ok bool) {
	m, known := manners[of]
	if !known {
		return t, s, false
	}
	q, ok := parseQuery(text)
	if !ok {
		return t, s, false
	}
	if t.Kind, t.Parsed = m.kind(q.form); !t.Parsed {
		return t, s, false
	}
	if s, t.Found, ok = c.solve(q); !ok || m.fits != nil && !m.fits(s.answer) {
		return t, s, false
	}
	t.Answers, t.Docs = append([]string{s.answer}, s.others...), s.docs
	return t, s, true
}

// Right reports whether the reference answer of a question is true, as its task has it.
func (c *Cluster) Right(q task.Question, of task.Task) bool {
	t, ok := c.Truth(q.Text, of)
	return ok && manners[of].right(t, q)
}
