package eval

import (
	"context"

	"spell/rl/corpus/reading"
)

// A ReadingResult is the outcome of a test of questions about real documents.
type ReadingResult struct {
	All      Count                           `json:"all" doc:"of all answers"`
	Valid    Count                           `json:"valid" doc:"of answers in a readable form"`
	ByKind   [reading.NumQuestionKinds]Count `json:"by_kind" doc:"of all answers, by kind of question"`
	Tokens   int                             `json:"prompt_tokens" doc:"length of the documents, mean"`
	Outcomes string                          `json:"outcomes" doc:"as of questions over the generated world"`
}

// Reading answers the questions of a test as Questions does.
func Reading(ctx context.Context, p Policy, items []reading.Item, maxTokens int) (res ReadingResult, err error) {
	exams := make([]exam, len(items))
	for i, it := range items {
		exams[i].docs = it.Cluster.Texts()
		for _, q := range it.Questions {
			exams[i].questions = append(exams[i].questions, asking{q.Question, q.Task, int(q.Kind), reading.Accepts})
		}
	}
	marks, tokens, err := answers(ctx, p, exams, maxTokens)
	if err != nil {
		return res, err
	}
	res.Outcomes, res.Tokens = count(marks, &res.All, &res.Valid, res.ByKind[:]), tokens
	return res, nil
}

// String is the result in one line.
func (r ReadingResult) String() string {
	return line(r.All, r.Valid, r.ByKind[:], func(k int) string { return reading.Kind(k).String() })
}
