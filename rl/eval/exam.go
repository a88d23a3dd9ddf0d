package eval

import (
	"context"
	"fmt"
	"strings"

	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/corpus/exercise"
	"spell/rl/corpus/reading"
	"spell/rl/corpus/world"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/task"
)

// A Truthful is documents about which a rule knows what is true: a cluster of the generated world, or one of
// package reading.
type Truthful interface {
	Texts() []string
	Right(q task.Question, of task.Task) bool
}

// A Test is questions over documents, and what tells whether an answer is right.
type Test struct {
	Name    string // what the questions are asked over, such as "10 documents"
	Docs    int    // documents of each prompt; 0 if that is not what tests differ in
	Exams   []Exam
	Kinds   []string // names of the kinds of questions
	Accepts func(t task.Task, prediction, reference string) bool
	// Together tells that intervals are found by drawing prompts, not single questions: those over one are alike.
	Together bool
}

// An Exam is questions over one reading of their documents.
type Exam struct {
	Docs      []string
	Questions []Question
}

// A Question is asked of a model; Kind is its number among a Test's Kinds.
type Question struct {
	task.Question
	Task task.Task
	Kind int
}

// World returns a test over so many documents of the generated world.
func World(docs int, items []world.Item) *Test {
	t := &Test{Name: plural.Of(docs, "document"), Docs: docs, Exams: make([]Exam, len(items)), Accepts: world.Accepts}
	for k := range world.NumQuestionKinds {
		t.Kinds = append(t.Kinds, world.Kind(k).String())
	}
	for i, it := range items {
		t.Exams[i].Docs = it.Cluster.Texts()
		for _, q := range it.Questions {
			t.Exams[i].Questions = append(t.Exams[i].Questions, Question{q.Question, q.Task, int(q.Kind)})
		}
	}
	return t
}

// Documents returns a test over real documents.
func Documents(name string, items []reading.Item) *Test {
	t := &Test{Name: name, Exams: make([]Exam, len(items)), Accepts: reading.Accepts, Together: true}
	for k := range reading.NumQuestionKinds {
		t.Kinds = append(t.Kinds, reading.Kind(k).String())
	}
	for i, it := range items {
		t.Exams[i].Docs = it.Cluster.Texts()
		for _, q := range it.Questions {
			t.Exams[i].Questions = append(t.Exams[i].Questions, Question{q.Question, q.Task, int(q.Kind)})
		}
	}
	return t
}

// Ask has a policy answer the questions greedily, several over one reading of their documents, with at most maxTokens
// tokens each.
func (t *Test) Ask(ctx context.Context, p Policy, maxTokens int) (res Result, err error) {
	reqs := make([]rollout.Request, len(t.Exams))
	for i, it := range t.Exams {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		var f forest.Forest
		prefix := p.Prompts.Documents(it.Docs)
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
		if t.Together {
			res.PerPrompt = append(res.PerPrompt, len(it.Questions))
		}
	}
	res.Tokens /= max(len(t.Exams), 1)
	results, err := p.Engine.Generate(ctx, reqs)
	if err != nil {
		return res, err
	}
	for _, name := range t.Kinds {
		res.ByKind = append(res.ByKind, KindCount{Kind: name})
	}
	for i, r := range results {
		for k, a := range r.Answers {
			q := t.Exams[i].Questions[k]
			text := p.Chat.Tok.DecodeSkipSpecial(r.Forest[a.Segment].Tokens)
			prediction, valid := p.Prompts.ExtractAnswer(q.Task, text)
			res.add(q.Kind, valid && t.Accepts(q.Task, prediction, q.Answer), valid)
		}
	}
	return res, nil
}

// A Result is the outcome of a Test.
type Result struct {
	All    Count       `json:"all" doc:"of all answers"`
	Valid  Count       `json:"valid" doc:"of answers in a readable form"`
	ByKind []KindCount `json:"by_kind" doc:"of all answers, by kind of question"`
	Tokens int         `json:"prompt_tokens" doc:"length of the documents, mean"`
	// Outcomes has a character per question, in their order.
	Outcomes  string `json:"outcomes" doc:"a character per question: 1 of a right answer, 0 of a wrong one, - of one that cannot be read"`
	PerPrompt []int  `json:"per_prompt,omitempty" doc:"questions over each reading of documents, if intervals are found by drawing those"`
}

// A KindCount counts the answers to questions of a kind.
type KindCount struct {
	Kind string `json:"kind,omitempty" doc:"its name"`
	Count
}

// add counts an answer to a question of a kind.
func (r *Result) add(kind int, right, valid bool) {
	r.All.Add(right)
	r.ByKind[kind].Add(right)
	if valid {
		r.Valid.Add(right)
	}
	r.Outcomes += outcome(right, valid)
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

// String is the result in one line.
func (r Result) String() string {
	var s strings.Builder
	readable := 100 * float64(r.Valid.N) / float64(max(r.All.N, 1))
	fmt.Fprintf(&s, "%v of %d  readable %.0f%%, of these %v", r.All, r.All.N, readable, r.Valid)
	for _, k := range r.ByKind {
		if k.N > 0 {
			fmt.Fprintf(&s, "  %s %.0f", k.Kind, 100*k.Rate())
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

// RolesOf samples n questions of tasks in turn at temperature 1 over documents and puts n pairs of answers to
// the verifier, greedily.
func RolesOf(ctx context.Context, p Policy, over []Truthful, tasks []task.Task, pairs []exercise.Branch,
	n, maxTokens int) (Roles, error) {

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
	for i := range n {
		docs := over[i%len(over)].Texts()
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
				out.Right.Add(over[i%len(over)].Right(q, t))
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
