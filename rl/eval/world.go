// Package eval measures what a model can do with documents, by generating answers and comparing
// them with what is true.
package eval

import (
	"context"
	"fmt"
	"math"
	"strings"

	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/tokenizer/chat"
)

// A Generator samples answers: a rollout.Engine.
type Generator interface {
	Generate(context.Context, []rollout.Request) ([]rollout.Result, error)
}

// A Policy is a model ready to answer: its engine, its text side and prompts.
type Policy struct {
	Engine  Generator
	Chat    *chat.Dialog
	Prompts *role.Prompts
}

// A Count is a number of trials and of those that went well.
type Count struct {
	N     int `json:"n" doc:"questions asked"`
	Right int `json:"right" doc:"questions answered rightly"`
}

// Rate is Right/N, 0 of nothing.
func (c Count) Rate() float64 {
	if c.N == 0 {
		return 0
	}
	return float64(c.Right) / float64(c.N)
}

// Below reports whether the rate lies below that of b by more than chance: by more than two standard
// errors of the difference of two proportions that are alike. Of nothing, none does.
func (c Count) Below(b Count) bool {
	if c.N == 0 || b.N == 0 {
		return false
	}
	p := float64(c.Right+b.Right) / float64(c.N+b.N)
	return b.Rate()-c.Rate() > 2*math.Sqrt(p*(1-p)*(1/float64(c.N)+1/float64(b.N)))
}

// Add counts one that is right or not.
func (c *Count) Add(right bool) {
	c.N++
	if right {
		c.Right++
	}
}

func (c Count) String() string { return fmt.Sprintf("%.1f%%", 100*c.Rate()) }

// A Result is the outcome of a test of questions.
type Result struct {
	All    Count                         `json:"all" doc:"of all answers"`
	Valid  Count                         `json:"valid" doc:"of answers in a readable form"`
	ByKind [world.NumQuestionKinds]Count `json:"by_kind" doc:"of all answers, by kind of question"`
	Tokens int                           `json:"prompt_tokens" doc:"length of the documents, mean"`
	// Outcomes has a character per question, in their order.
	Outcomes string `json:"outcomes" doc:"a character per question: 1 of a right answer, 0 of a wrong one, - of one that cannot be read"`
}

// Points returns 1 for every right answer of a Result's outcomes and 0 for the others, in the order of the questions.
func Points(outcomes string) []float64 {
	points := make([]float64, len(outcomes))
	for i, o := range outcomes {
		if o == '1' {
			points[i] = 1
		}
	}
	return points
}

// Questions answers the questions of a test greedily, several over one reading of their
// documents, with at most maxTokens tokens each.
func Questions(ctx context.Context, p Policy, items []world.Item, maxTokens int) (res Result, err error) {
	exams := make([]exam, len(items))
	for i, it := range items {
		exams[i].docs = it.Cluster.Texts()
		for _, q := range it.Questions {
			exams[i].questions = append(exams[i].questions, asking{q.Question, q.Task, int(q.Kind), world.Accepts})
		}
	}
	marks, tokens, err := answers(ctx, p, exams, maxTokens)
	if err != nil {
		return res, err
	}
	res.Outcomes, res.Tokens = count(marks, &res.All, &res.Valid, res.ByKind[:]), tokens
	return res, nil
}

// unreadable is the outcome of an answer that cannot be read.
const unreadable = '-'

// outcome returns the character of an answer among the outcomes.
func outcome(right, valid bool) string {
	switch {
	case right:
		return "1"
	case valid:
		return "0"
	}
	return string(unreadable)
}

// String is the result in one line.
func (r Result) String() string {
	return line(r.All, r.Valid, r.ByKind[:], func(k int) string { return world.Kind(k).String() })
}

// line writes counts in one line.
func line(all, valid Count, byKind []Count, name func(kind int) string) string {
	var s strings.Builder
	readable := 100 * float64(valid.N) / float64(max(all.N, 1))
	fmt.Fprintf(&s, "%v of %d  readable %.0f%%, of these %v", all, all.N, readable, valid)
	for k, c := range byKind {
		if c.N > 0 {
			fmt.Fprintf(&s, "  %v %.0f", name(k), 100*c.Rate())
		}
	}
	return s.String()
}
