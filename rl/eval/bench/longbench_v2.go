package bench

import (
	"fmt"
	"strings"

	"spell/rl/task"
)

// LongBench-v2 asks questions with four options over long texts of six domains:
//
//	{"_id": "…", "domain": "…", "sub_domain": "…", "difficulty": "easy", "length": "short",
//	 "question": "…", "choice_A": "…", …, "choice_D": "…", "answer": "B", "context": "…"}
func init() {
	register(Benchmark{
		Name: "longbench-v2", About: "four options over long texts of six domains", Column: "LongBench-v2",
		kind: "multiple_choice",
		is: func(f fields) likeness {
			if f.has("question", "choice_A", "choice_B", "choice_C", "choice_D") {
				return sure
			}
			return unlike
		},
		read: readLongBenchV2,
	})
}

func readLongBenchV2(f fields, q *Question) (err error) {
	q.ID, q.Part = f.optional("_id"), f.optional("length")
	if q.Text, err = f.text("question"); err != nil {
		return err
	}
	for _, letter := range task.Letters {
		name := "choice_" + string(letter)
		option, ok := textOf(f[name])
		if !ok || option == "" {
			return fmt.Errorf("the field %q holds no option", name)
		}
		q.Options = append(q.Options, option)
	}
	context, err := f.text("context")
	if err != nil {
		return err
	}
	q.Docs = []string{context}
	answer, err := f.answer("answer")
	if err != nil {
		return err
	}
	if len(answer) != 1 || !strings.Contains(task.Letters, answer) {
		return fmt.Errorf("the field \"answer\" is %q and none of the letters A, B, C and D", answer)
	}
	return q.setAnswers(answer)
}
