package eval

import (
	"context"

	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/corpus/exercise"
	"spell/rl/role"
	"spell/rl/task"
)

// A Truthful is documents about which a rule knows what is true: a cluster of the generated world, or one of
// package reading.
type Truthful interface {
	Texts() []string
	Right(q task.Question, of task.Task) bool
}

// An exam is questions over one reading of their documents.
type exam struct {
	docs      []string
	questions []asking
}

// asking is a question as it is asked, and what tells whether an answer is right.
type asking struct {
	task.Question
	task    task.Task
	kind    int
	accepts func(t task.Task, prediction, reference string) bool
}

// A mark is what became of a question.
type mark struct {
	kind         int
	right, valid bool
}

// answers has exams answered greedily, several questions over one reading of their documents, with at most
// maxTokens tokens each, and returns a mark per question and the mean length of the documents.
func answers(ctx context.Context, p Policy, exams []exam, maxTokens int) (marks []mark, tokens int, err error) {
	reqs := make([]rollout.Request, len(exams))
	for i, it := range exams {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		var f forest.Forest
		prefix := p.Prompts.Documents(it.docs)
		docs := -1
		for _, q := range it.questions {
			_, suffix := p.Prompts.Responder(q.task, nil, q.Question)
			ids, err := p.Chat.User(prefix, suffix)
			if err != nil {
				return nil, 0, err
			}
			if docs < 0 { // the same for all questions
				docs = f.Add(-1, ids[0], false)
				tokens += len(ids[0])
			}
			at := f.Add(docs, ids[1], false)
			reqs[i].Branches = append(reqs[i].Branches,
				rollout.Branch{Segment: at, N: 1, MaxTokens: maxTokens, Sampling: rollout.Sampling{TopP: 1}})
		}
		reqs[i].Prompt, reqs[i].Key = f, uint64(i)
	}
	results, err := p.Engine.Generate(ctx, reqs)
	if err != nil {
		return nil, 0, err
	}
	for i, r := range results {
		for k, a := range r.Answers {
			q := exams[i].questions[k]
			pred, valid := p.Prompts.ExtractAnswer(q.task, p.Chat.Tok.DecodeSkipSpecial(r.Forest[a.Segment].Tokens))
			marks = append(marks, mark{q.kind, valid && q.accepts(q.task, pred, q.Answer), valid})
		}
	}
	return marks, tokens / max(len(exams), 1), nil
}

// count adds marks up, and returns a character per question.
func count(marks []mark, all, valid *Count, byKind []Count) (outcomes string) {
	for _, m := range marks {
		all.Add(m.right)
		byKind[m.kind].Add(m.right)
		if m.valid {
			valid.Add(m.right)
		}
		outcomes += outcome(m.right, m.valid)
	}
	return outcomes
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
