package world

import (
	"strings"

	"spell/rl/role"
)

// Reply is the gold reply of a responder: the facts it needs as evidence, the calculation if there is one, and the
// answer. It begins with a space, as what follows a prompt does. It is false where the question has no true answer in
// the cluster, or no option or two options are true.
//
//	home Tolan Norvale . mayor Norvale Kestor . the answer is Kestor .
//	rank Tolan 7 . rank Kestor 5 . 7 + 5 = 12 . the answer is 12 .
//	job Tolan doctor . the answer is physician so ( B ) .
func (c *Cluster) Reply(q role.Question, task role.Task) (string, bool) {
	query, ok := parseQuery(q.Text)
	if !ok {
		return "", false
	}
	s, ok := c.solve(query)
	if !ok {
		return "", false
	}
	if task != role.MultipleChoice {
		return s.evidence() + " the answer is " + s.answer + " .", true
	}
	i, ok := Truth{Answers: []string{s.answer}}.option(q.Options)
	if !ok {
		return "", false
	}
	return s.evidence() + choose(q.Options, i), true
}

func (s solution) evidence() string {
	var b strings.Builder
	for _, f := range s.facts {
		b.WriteByte(' ')
		b.WriteString(f.String())
	}
	if s.sum != "" {
		b.WriteByte(' ')
		b.WriteString(s.sum)
	}
	return b.String()
}

// choose ends a reply to a multiple-choice question.
func choose(options []string, i int) string {
	return " the answer is " + options[i] + " so ( " + role.Letters[i:i+1] + " ) ."
}

// Ask is the gold reply of a questioner: the facts the question rests on, the question, its options if it has any, and
// its reference answer. It begins with a space. Which facts it chooses is free, and so are the phrasing and the wrong
// options; determined are the values of the facts, and what follows from them and from the letter that must be right.
//
//	home Tolan Norvale . mayor Norvale Kestor . question : what is the mayor of the home of Tolan ? answer : Kestor .
func (c *Cluster) Ask(prompts *role.Prompts, q role.Question) (reply string, determined []Span, ok bool) {
	query, ok := parseQuery(q.Text)
	if !ok {
		return "", nil, false
	}
	s, ok := c.solve(query)
	if !ok {
		return "", nil, false
	}
	for _, f := range s.facts {
		reply += " " + f.String()
		end := len(reply) - len(" .")
		determined = append(determined, Span{end - len(f.Value) - 1, end})
	}
	if s.sum != "" {
		result := len(reply) + strings.Index(s.sum, "=") // with the space before
		reply += " " + s.sum
		determined = append(determined, Span{result, len(reply)})
	}
	reply += " question :"
	_, path, _ := strings.Cut(q.Text, " the ")
	start := len(reply) + len(q.Text) - len(path) // after the phrasing
	reply += " " + q.Text
	determined = append(determined, Span{start, len(reply)})
	reply += strings.TrimPrefix(prompts.QuestionText(q), q.Text)
	if i := strings.Index(role.Letters, q.Answer); len(q.Options) > 0 && i >= 0 {
		right := " ( " + q.Answer + " ) "
		at := strings.LastIndex(reply, right) + len(right) - 1
		determined = append(determined, Span{at, at + 1 + len(q.Options[i])})
	}
	answer := len(reply)
	if len(q.Options) > 0 {
		reply += " answer : ( " + q.Answer + " ) ."
	} else {
		reply += " answer : " + q.Answer + " ."
	}
	return reply, append(determined, Span{answer, len(reply)}), true
}
