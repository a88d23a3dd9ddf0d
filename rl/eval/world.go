// Package eval measures what a model can do with documents, by generating answers and comparing
// them with what is true.
package eval

import (
	"context"
	"fmt"
	"math"
	"strings"

	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/rl/task"
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
func Questions(ctx context.Context, p Policy, items []world.Item, maxTokens int) (Result, error) {
	var res Result
	reqs := make([]rollout.Request, len(items))
	for i, it := range items {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		var f forest.Forest
		prefix := p.Prompts.Documents(it.Cluster.Texts())
		docs := -1
		for _, q := range it.Questions {
			_, suffix := p.Prompts.Responder(q.Task, nil, q.Question)
			ids, err := p.Chat.User(prefix, suffix)
			if err != nil {
				return res, err
			}
			if docs < 0 { // the same for all questions
				docs = f.Add(-1, ids[0], false)
				res.Tokens += len(ids[0])
			}
			at := f.Add(docs, ids[1], false)
			reqs[i].Branches = append(reqs[i].Branches,
				rollout.Branch{Segment: at, N: 1, MaxTokens: maxTokens, Sampling: rollout.Sampling{TopP: 1}})
		}
		reqs[i].Prompt, reqs[i].Key = f, uint64(i)
	}
	results, err := p.Engine.Generate(ctx, reqs)
	if err != nil {
		return res, err
	}
	for i, r := range results {
		for k, a := range r.Answers {
			q := items[i].Questions[k]
			pred, valid := p.Prompts.ExtractAnswer(q.Task, p.Chat.Tok.DecodeSkipSpecial(r.Forest[a.Segment].Tokens))
			right := valid && world.Accepts(q.Task, pred, q.Answer)
			res.All.Add(right)
			res.ByKind[q.Kind].Add(right)
			if valid {
				res.Valid.Add(right)
			}
			res.Outcomes += outcome(right, valid)
		}
	}
	if len(items) > 0 {
		res.Tokens /= len(items)
	}
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
	var s strings.Builder
	readable := 100 * float64(r.Valid.N) / float64(max(r.All.N, 1))
	fmt.Fprintf(&s, "%v of %d  readable %.0f%%, of these %v", r.All, r.All.N, readable, r.Valid)
	for k, c := range r.ByKind {
		if c.N > 0 {
			fmt.Fprintf(&s, "  %v %.0f", world.Kind(k), 100*c.Rate())
		}
	}
	return s.String()
}

// A Roles is how well a model plays questioner and verifier.
type Roles struct {
	Parse  Count `json:"parse"`  // questions in a readable form
	Right  Count `json:"right"`  // of those, with a true reference answer
	Accept Count `json:"accept"` // equal answers the verifier calls the same
	Reject Count `json:"reject"` // different answers it calls different
}

// RolesOf samples n questions at temperature 1 over clusters of a test and puts n pairs of
// answers to the verifier, greedily.
func RolesOf(ctx context.Context, p Policy, items []world.Item, pairs []world.Branch, n, maxTokens int) (Roles, error) {
	var out Roles
	var reqs []rollout.Request
	add := func(prefix, suffix string, s rollout.Sampling) error {
		ids, err := p.Chat.User(prefix, suffix)
		if err != nil {
			return err
		}
		var f forest.Forest
		at := f.Chain(-1, ids...)
		branch := rollout.Branch{Segment: at, N: 1, MaxTokens: maxTokens, Sampling: s}
		reqs = append(reqs, rollout.Request{Prompt: f, Key: uint64(len(reqs)), Branches: []rollout.Branch{branch}})
		return nil
	}
	tasks := world.Tasks()
	for i := range n {
		docs := items[i%len(items)].Cluster.Texts()
		letter := i % len(task.Letters)
		prefix, suffix := p.Prompts.Questioner(tasks[i%len(tasks)], docs, nil, task.Letters[letter:letter+1])
		if err := add(prefix, suffix, rollout.Sampling{Temperature: 1, TopP: 1}); err != nil {
			return out, err
		}
	}
	for _, b := range pairs[:min(n, len(pairs))] {
		if err := add("", b.Suffix, rollout.Sampling{TopP: 1}); err != nil {
			return out, err
		}
	}
	results, err := p.Engine.Generate(ctx, reqs)
	if err != nil {
		return out, err
	}
	for i, r := range results {
		text := p.Chat.Tok.DecodeSkipSpecial(r.Forest[r.Answers[0].Segment].Tokens)
		if i < n {
			t := tasks[i%len(tasks)]
			q, v := p.Prompts.ParseQuestion(t, text, nil)
			out.Parse.Add(v == task.OK)
			if v == task.OK {
				out.Right.Add(items[i%len(items)].Cluster.Right(q, t))
			}
			continue
		}
		gold := p.Prompts.ParseVote(pairs[i-n].Reply)
		said := p.Prompts.ParseVote(text)
		if gold == role.Yes {
			out.Accept.Add(said == gold)
		} else {
			out.Reject.Add(said == gold)
		}
	}
	return out, nil
}
