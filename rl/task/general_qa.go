package task

import (
	"strings"
	"unicode"
)

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
// The rule is cover exact match: the reference must be part of the prediction. Here it is not,
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
			q.Answer, ok = f.phrase("answer")
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
		match: func(_ Rules, prediction, reference string) bool {
			return coverExactMatch(prediction, reference)
		},
	})
}

// phraseAnswer returns what follows the last "the answer is"; else the last "correct answer is";
// else the last "answer is".
func phraseAnswer(text string) (string, bool) {
	lower := lowerASCII(text)
	for _, phrase := range []string{"the answer is", "correct answer is", "answer is"} {
		if i := strings.LastIndex(lower, phrase); i >= 0 {
			answer := cleanAnswer(text[i+len(phrase):])
			return answer, !isPlaceholder(answer)
		}
	}
	return "", false
}

// coverExactMatch reports whether the reference is part of the prediction, both in lower case,
// without punctuation and articles and with single spaces. One direction only: accepting a
// prediction that is part of the reference rewards fragments (paper, App. F). A reference of which
// nothing is left matches nothing.
func coverExactMatch(prediction, reference string) bool {
	r := normalize(reference)
	return r != "" && strings.Contains(normalize(prediction), r)
}

func normalize(s string) string {
	const asciiSymbols = "$+<=>^`|~" // punctuation by C's ispunct, symbols by Unicode
	s = strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || strings.ContainsRune(asciiSymbols, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	words := strings.Fields(s)
	kept := words[:0]
	for _, w := range words {
		if w != "a" && w != "an" && w != "the" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
