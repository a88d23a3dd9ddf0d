package task

// GeneralQA asks for a short phrase. A question and its reference answer, as a questioner writes
// them:
//
//	```json
//	{"question": "Where did the engineer of the mill grow up?", "answer": "the town of Norvale"}
//	```
//
// and a responder's reply, which the rule finds right:
//
//	She was born in Balbex but grew up elsewhere. The correct answer is (Norvale).
//
// The rule is cover exact match: the reference must be part of the prediction, word by word. Here it is not,
// since "town of Norvale" says more than the prediction; the verifiers' votes are for such answers.
const GeneralQA Task = 0

// MaxAnswerTokens is the longest reference answer of a general-QA question (paper code: 40); longer
// ones are skipped.
const MaxAnswerTokens = 40

func init() {
	register(GeneralQA, spec{
		name:      "general_qa",
		responder: "responder",
		fromJSON: func(f fields, q *Question) (ok bool) {
			if q.Answer, ok = f.textOrNumber("answer"); !ok {
				return false
			}
			q.Answer, ok = reference(q.Answer, phraseAnswer)
			return ok
		},
		fromWords: answerToStop,
		check: func(q Question, tokens func(string) int) Verdict {
			if tokens(q.Answer) > MaxAnswerTokens {
				return Skip
			}
			return OK
		},
		answer:          phraseAnswer,
		answerFromWords: wordsToStop,
		match: func(r Rules, prediction, reference string) bool {
			return covers(r, prediction, reference)
		},
	})
}

// phraseAnswer returns the phrase that a reply closes with.
func phraseAnswer(text string) (string, bool) {
	return closingAnswer(text, false, func(s statement) (string, bool) {
		said := firstLine(s.tail)
		if s.inside != "" {
			said = s.inside
		}
		if answer := cleanAnswer(said); !isPlaceholder(said) && !isPlaceholder(answer) {
			return answer, false
		}
		return "", false
	})
}
