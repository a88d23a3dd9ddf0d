package bench

import "strings"

// LongBench hands out many data sets in one layout, a record of which says of which set it is:
//
//	{"input": "Who …?", "context": "Passage 1:\n…", "answers": ["…", "…"], "dataset": "hotpotqa",
//	 "length": 9153, "language": "en", "all_classes": null, "_id": "…"}
//
// Its subset E, of even lengths, has the same.

// isLongBench reports whether a record is in the layout of LongBench.
func isLongBench(f fields) bool { return f.has("input", "context", "answers", "dataset") }

// ofLongBench reports whether a record is one of LongBench's set of that name.
func ofLongBench(f fields, set string) bool {
	return isLongBench(f) && strings.TrimSuffix(f.optional("dataset"), "_e") == set
}

// readLongBench reads a record of LongBench.
func readLongBench(f fields, q *Question) (err error) {
	if q.Text, err = f.text("input"); err != nil {
		return err
	}
	context, err := f.text("context")
	if err != nil {
		return err
	}
	answers, err := f.texts("answers")
	if err != nil {
		return err
	}
	q.Docs, q.ID = []string{context}, f.optional("_id")
	return q.setAnswers(answers...)
}
