package bench

import (
	"fmt"
	"slices"
	"spell/rl/task/number"
	"strings"
)

// DocMath-Eval asks for numbers that follow from tables and text of financial reports. It has four
// parts, by the length of the report and of the calculation, which questions are numbered by:
//
//	{"question_id": "complong-testmini-0", "question": "…", "paragraphs": ["…", "…"],
//	 "ground_truth": 12.5, "python_solution": "…"}
func init() {
	register(Benchmark{
		Name: "docmath", About: "calculations over financial reports", Column: "DocMath", kind: "numeric",
		is: func(f fields) likeness {
			if !f.has("question", "ground_truth") && !f.has("question", "paragraphs", "question_id") {
				return unlike
			}
			return sure
		},
		read: readDocMath,
	})
}

// docMathParts are the parts of DocMath-Eval.
var docMathParts = []string{"complong", "compshort", "simplong", "simpshort"}

func readDocMath(f fields, q *Question) (err error) {
	q.ID = f.optional("question_id")
	if part, _, _ := strings.Cut(q.ID, "-"); slices.Contains(docMathParts, part) {
		q.Part = part
	}
	if q.Text, err = f.text("question"); err != nil {
		return err
	}
	if q.Docs, err = f.texts("paragraphs"); err != nil {
		return err
	}
	answer, err := f.answer("ground_truth")
	if err != nil {
		return err
	}
	if _, ok := number.Parse(answer); !ok {
		return fmt.Errorf("the field \"ground_truth\" is %q and no number", answer)
	}
	return q.setAnswers(answer)
}
