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

// Ask is the gold reply of a questioner: the question, its options if it has any, and its reference answer. It begins
// with a space. The answer, with the words before it, begins at byte answer of the reply.
func Ask(prompts *role.Prompts, q role.Question) (reply string, answer int) {
	reply = " question : " + prompts.QuestionText(q)
	if len(q.Options) > 0 {
		return reply + " answer : ( " + q.Answer + " ) .", len(reply)
	}
	return reply + " answer : " + q.Answer + " .", len(reply)
}
