package bench

import (
	"errors"
	"fmt"
)

// MuSiQue asks for what follows from two to four Wikipedia paragraphs of twenty. It is read in
// LongBench's layout and in its publisher's, those of its questions that have an answer:
//
//	{"id": "2hop__…", "question": "…", "answer": "…", "answer_aliases": ["…"], "answerable": true,
//	 "paragraphs": [{"idx": 0, "title": "…", "paragraph_text": "…", "is_supporting": false}, …]}
func init() {
	register(Benchmark{
		Name: "musique", About: "two to four hops between Wikipedia paragraphs, harder to cut short", Column: multiHop,
		kind: "general_qa",
		is: func(f fields) likeness {
			paragraphs, _ := f.list("paragraphs")
			if ofLongBench(f, "musique") || f.has("question") && len(paragraphs) > 0 && isObject(paragraphs[0]) {
				return sure
			}
			return unlike
		},
		read: func(f fields, q *Question) error {
			if f.has("input") {
				return readLongBench(f, q)
			}
			return readMuSiQue(f, q)
		},
	})
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// errUnanswerable is that of a question that its paragraphs do not answer, of MuSiQue-Full.
var errUnanswerable = errors.New("the question cannot be answered from its paragraphs (answerable is false)")

func readMuSiQue(f fields, q *Question) (err error) {
	q.ID = f.optional("id")
	if q.Text, err = f.text("question"); err != nil {
		return err
	}
	paragraphs, err := f.list("paragraphs")
	if err != nil {
		return err
	}
	for i, v := range paragraphs {
		p, _ := v.(map[string]any)
		text, err := fields(p).text("paragraph_text")
		if err != nil {
			return fmt.Errorf("paragraph %d: %w", i+1, err)
		}
		q.Docs = append(q.Docs, passage(fields(p).optional("title"), text))
	}
	if answerable, ok := f["answerable"].(bool); ok && !answerable {
		return errUnanswerable
	}
	answer, err := f.answer("answer")
	if err != nil {
		return err
	}
	var aliases []string
	if f.has("answer_aliases") {
		if aliases, err = f.texts("answer_aliases"); err != nil {
			return err
		}
	}
	return q.setAnswers(append([]string{answer}, aliases...)...)
}
