package world

import (
	"strings"

	"spell/rl/role"
	"spell/rl/task"
)

// Reply returns the gold reply of a responder: the facts it needs as evidence, the calculation if
// there is one, and the answer as the task concludes with it. The reply begins with a space, as
// what follows a prompt does. Reply returns false if the question has no true answer in the
// cluster, or none that its options allow.
func (c *Cluster) Reply(q task.Question, of task.Task) (string, bool) {
	f, known := forms[of]
	if !known {
		return "", false
	}
	query, ok := f.read(q.Text)
	if !ok {
		return "", false
	}
	s, ok := c.solve(query)
	if !ok {
		return "", false
	}
	end, ok := f.conclude(s.answer, q)
	if !ok {
		return "", false
	}
	return s.evidence() + end, true
}

func (s solution) evidence() string {
	var b strings.Builder
	for _, f := range s.facts {
		b.WriteByte(' ')
		b.WriteString(f.String())
	}
	for _, sum := range s.sums {
		b.WriteByte(' ')
		b.WriteString(sum)
	}
	return b.String()
}

// Ask returns the gold reply of a questioner: the facts the question rests on, the question, its
// options if it has any, and its reference answer. It begins with a space. Which facts it chooses
// is free, and so are the phrasing and the wrong options. The spans of determined are the values of
// the facts, and what follows from them and from the letter that must be right.
//
//	home Tolan Norvale . mayor Norvale Kestor .
//	question : what is the mayor of the home of Tolan ? answer : Kestor .
func (c *Cluster) Ask(prompts *role.Prompts, q task.Question, of task.Task) (reply string, determined []Span, ok bool) {
	f, known := forms[of]
	if !known {
		return "", nil, false
	}
	query, ok := f.read(q.Text)
	if !ok {
		return "", nil, false
	}
	s, ok := c.solve(query)
	if !ok {
		return "", nil, false
	}
	for _, fact := range s.facts {
		reply += " " + fact.String()
		end := len(reply) - len(" .")
		determined = append(determined, Span{Start: end - len(fact.Value) - 1, End: end})
	}
	for _, sum := range s.sums {
		result := len(reply) + strings.Index(sum, "=") // with the space before
		reply += " " + sum
		determined = append(determined, Span{Start: result, End: len(reply)})
	}
	reply += " question :"
	_, path, _ := strings.Cut(q.Text, " the ")
	start := len(reply) + len(q.Text) - len(path) // after the phrasing
	reply += " " + q.Text
	determined = append(determined, Span{Start: start, End: len(reply)})
	reply += strings.TrimPrefix(prompts.QuestionText(q), q.Text)
	reply, ends := f.finish(reply, q)
	return reply, append(determined, ends...), true
}
