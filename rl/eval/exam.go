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
	"spell/tensor/rng"
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

// Replies are what a policy said to the questions of a Test.
type Replies struct {
	Tokens int          // length of the documents, mean
	Said   [][][]string // to each question of each exam
}

// Ask has a policy answer the questions greedily, several over one reading of their documents, with at most maxTokens
// tokens each.
func (t *Test) Ask(ctx context.Context, p Policy, maxTokens int) (res Result, err error) {
	r, err := t.Sample(ctx, p, rollout.Branch{N: 1, MaxTokens: maxTokens, Sampling: rollout.Sampling{TopP: 1}})
	if err != nil {
		return res, err
	}
	return t.Grade(p, r), nil
}

// Sample has a policy answer each question as a branch says, several over one reading of their documents.
func (t *Test) Sample(ctx context.Context, p Policy, answers rollout.Branch) (*Replies, error) {
	reqs, err := t.Requests(ctx, p, answers)
	if err != nil {
		return nil, err
	}
	results, err := p.Engine.Generate(ctx, reqs)
	if err != nil {
		return nil, err
	}
	replies := &Replies{Said: make([][][]string, len(reqs))}
	for i, r := range results {
		replies.Tokens += len(reqs[i].Prompt[0].Tokens)
		replies.Said[i] = make([][]string, len(reqs[i].Branches))
		for _, a := range r.Answers {
			text := p.Chat.Tok.DecodeSkipSpecial(r.Forest[a.Segment].Tokens)
			replies.Said[i][a.Branch] = append(replies.Said[i][a.Branch], text)
		}
	}
	replies.Tokens /= max(len(reqs), 1)
	return replies, nil
}

// Requests returns what Sample asks: a request for each exam, with its documents first and a branch for each question.
func (t *Test) Requests(ctx context.Context, p Policy, answers rollout.Branch) ([]rollout.Request, error) {
	reqs := make([]rollout.Request, len(t.Exams))
	for i, it := range t.Exams {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var f forest.Forest
		prefix := p.Prompts.Documents(it.Docs)
		docs := -1
		for _, q := range it.Questions {
			_, suffix := p.Prompts.Responder(q.Task, nil, q.Question)
			ids, err := p.Chat.User(prefix, suffix)
			if err != nil {
				return nil, err
			}
			if docs < 0 { // the same for all questions
				docs = f.Add(-1, ids[0], false)
			}
			answers.Segment = f.Add(docs, ids[1], false)
			reqs[i].Branches = append(reqs[i].Branches, answers)
		}
		reqs[i].Prompt, reqs[i].Key = f, uint64(i)
	}
	return reqs, nil
}

// Grade returns the outcome of the first reply to each question.
func (t *Test) Grade(p Policy, r *Replies) Result {
	res := Result{Tokens: r.Tokens}
	for _, name := range t.Kinds {
		res.ByKind = append(res.ByKind, KindCount{Kind: name})
	}
	for i, it := range t.Exams {
		if t.Together {
			res.PerPrompt = append(res.PerPrompt, len(it.Questions))
		}
		for k, q := range it.Questions {
			_, right, valid := t.Answer(p, q, r.Said[i][k][0])
			res.add(q.Kind, right, valid)
		}
	}
	return res
}

// Answer reads the answer to a question in a reply: readable is false if there is none, and right tells whether it is
// true.
func (t *Test) Answer(p Policy, q Question, reply string) (answer string, right, readable bool) {
	answer, readable = p.Prompts.ExtractAnswer(q.Task, reply)
	return answer, readable && t.Accepts(q.Task, answer, q.Answer), readable
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

// RolesOf samples n questions of tasks in turn over documents and puts n pairs of answers to
// the verifier, greedily.
func RolesOf(ctx context.Context, p Policy, over []Truthful, tasks []task.Task, pairs []exercise.Branch,
	n, maxTokens int) (out Roles, err error) {

	turns := make([]Turn, n)
	for i := range turns {
		turns[i] = TurnOver(over[i%len(over)], tasks, i, i%len(task.Letters), uint64(i))
	}
	posed, err := Pose(ctx, p, turns, maxTokens)
	if err != nil {
		return out, err
	}
	for i, q := range posed {
		out.Parse.Add(q.Readable)
		if q.Readable {
			out.Right.Add(over[i%len(over)].Right(q.Question, turns[i].Task))
		}
	}
	out.Accept, out.Reject, err = Votes(ctx, p, pairs[:min(n, len(pairs))], maxTokens)
	return out, err
}

// A Turn is a questioner's to ask about documents.
type Turn struct {
	Docs  []string
	Task  task.Task
	Drawn role.Drawn
}

// A Placer is documents that a place can be drawn of for a question of a task, with the right option at a letter; ok is
// false if they have none.
type Placer interface {
	Place(r *rng.Rand, of task.Task, letter string) (words string, ok bool)
}

// TurnOver returns the turn of a number to ask over documents, with the letter of a number for the right option. Its
// task is number at, counted round and round, or the first one behind it that something was found for: no one asks
// for a number where there is none.
func TurnOver(over Truthful, tasks []task.Task, at, letter int, number uint64) Turn {
	of := func(i int) task.Task { return tasks[(at+i)%len(tasks)] }
	t := Turn{over.Texts(), of(0), role.Drawn{Letter: task.Letters[letter : letter+1]}}
	p, ok := over.(Placer)
	if !ok {
		return t
	}
	for i := range tasks {
		if words, ok := p.Place(rng.At(0, rng.Letter, number, 0, 0), of(i), t.Drawn.Letter); ok {
			t.Task, t.Drawn.Place = of(i), words
			return t
		}
	}
	t.Drawn.Place, _ = p.Place(rng.At(0, rng.Letter, number, 0, 0), t.Task, t.Drawn.Letter)
	return t
}

// Posed is what a questioner said in its turn.
type Posed struct {
	Reply    string
	Readable bool
	Question task.Question // if it is readable
}

// Prompt returns the tokens that a questioner is asked with in its turn, the documents first.
func (t Turn) Prompt(p Policy) ([][]int32, error) {
	return p.Chat.User(p.Prompts.Questioner(t.Task, t.Docs, nil, t.Drawn))
}

// Pose samples a question in each turn.
func Pose(ctx context.Context, p Policy, turns []Turn, maxTokens int) ([]Posed, error) {
	reqs := make([]rollout.Request, len(turns))
	for i, t := range turns {
		ids, err := t.Prompt(p)
		if err != nil {
			return nil, err
		}
		reqs[i] = single(i, ids, maxTokens, p.sampling())
	}
	replies, err := said(ctx, p, reqs)
	if err != nil {
		return nil, err
	}
	posed := make([]Posed, len(turns))
	for i, text := range replies {
		q, v := p.Prompts.ParseQuestion(turns[i].Task, text, nil)
		posed[i] = Posed{Reply: text, Readable: v == task.OK, Question: q}
	}
	return posed, nil
}

// Votes puts pairs of answers to the verifier, greedily, and counts the equal ones that it calls the same and the
// different ones that it calls different.
func Votes(ctx context.Context, p Policy, pairs []exercise.Branch, maxTokens int) (accept, reject Count, err error) {
	reqs := make([]rollout.Request, len(pairs))
	for i, b := range pairs {
		ids, err := p.Chat.User("", b.Suffix)
		if err != nil {
			return accept, reject, err
		}
		reqs[i] = single(i, ids, maxTokens, rollout.Sampling{TopP: 1})
	}
	replies, err := said(ctx, p, reqs)
	for i, text := range replies {
		gold := p.Prompts.ParseVote(pairs[i].Reply)
		said := p.Prompts.ParseVote(text)
		if gold == role.Yes {
			accept.Add(said == gold)
		} else {
			reject.Add(said == gold)
		}
	}
	return accept, reject, err
}

// single returns a request for one answer.
func single(key int, ids [][]int32, maxTokens int, s rollout.Sampling) rollout.Request {
	var f forest.Forest
	branch := rollout.Branch{Segment: f.Chain(-1, ids...), N: 1, MaxTokens: maxTokens, Sampling: s}
	return rollout.Request{Prompt: f, Key: uint64(key), Branches: []rollout.Branch{branch}}
}

// said returns the text of the first answer to each request.
func said(ctx context.Context, p Policy, reqs []rollout.Request) ([]string, error) {
	results, err := p.Engine.Generate(ctx, reqs)
	if err != nil {
		return nil, err
	}
	replies := make([]string, len(results))
	for i, r := range results {
		replies[i] = p.Chat.Tok.DecodeSkipSpecial(r.Forest[r.Answers[0].Segment].Tokens)
	}
	return replies, nil
}
