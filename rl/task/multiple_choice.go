package task

import (
	"encoding/json"
	"strings"
)

// MultipleChoice asks for one of four options. The questioner is told which letter must be right,
// since a model left to itself favours some. A question and its reference answer, as a questioner
// writes them:
//
//	```json
//	{"question": "Who runs the town where the engineer lives?",
//	 "options": {"A": "Kestor", "B": "Tolan", "C": "Fenwick", "D": "Mordell"}, "answer": "B"}
//	```
//
// and a responder's reply, which the rule finds right:
//
//	She lives in Norvale, whose mayor is Tolan. The correct answer is (B).
//
// The rule compares letters.
const MultipleChoice Task = 2

func init() {
	register(MultipleChoice, spec{
		name:            "multiple_choice",
		responder:       "responder",
		letter:          true,
		fromJSON:        choiceFromJSON,
		fromWords:       choiceFromWords,
		answer:          choiceAnswer,
		answerFromWords: lastLetter,
		match: func(_ Rules, prediction, reference string) bool {
			return isLetter(prediction) && prediction == reference
		},
	})
}

// choiceFromJSON reads the letter and exactly the options A–D, which are strings or numbers.
func choiceFromJSON(f fields, q *Question) (ok bool) {
	if q.Answer, ok = f.phrase("answer"); !ok || !isLetter(q.Answer) {
		return false
	}
	var options fields
	if json.Unmarshal(f["options"], &options) != nil || len(options) != len(Letters) {
		return false
	}
	for _, letter := range Letters {
		option, ok := options.textOrNumber(string(letter))
		if option = strings.TrimSpace(option); !ok || isPlaceholder(option) {
			return false
		}
		q.Options = append(q.Options, option)
	}
	return true
}

// choiceFromWords reads "( A ) w ( B ) x ( C ) y ( D ) z answer : ( B ) .".
func choiceFromWords(c *cursor, q *Question) {
	c.expect("(", "A", ")")
	for _, next := range Letters[1:] {
		q.Options = append(q.Options, c.until("(", string(next), ")"))
	}
	q.Options = append(q.Options, c.until("answer", ":"))
	c.expect("(")
	q.Answer = c.until(")")
	c.expect(".")
	c.failed = c.failed || !isLetter(q.Answer)
}

// choiceAnswer prefers the last \boxed{X}; else it returns the letter after the last "answer is"
// that is followed by one.
func choiceAnswer(text string) (string, bool) {
	if boxed, ok := lastBoxed(text); ok {
		return leadingLetter(strings.TrimPrefix(strings.TrimSpace(boxed), `\text{`))
	}
	for tail := range answersFromLast(text) {
		if letter, ok := leadingLetter(tail); ok {
			return letter, true
		}
	}
	return "", false
}

// leadingLetter reads an upper-case A–D that begins s, after marks, and is a word of its own.
func leadingLetter(s string) (string, bool) {
	s = strings.TrimLeft(s, " :*(\t\r\n")
	if s == "" || !isLetter(s[:1]) {
		return "", false
	}
	if len(s) > 1 && (s[1] == '_' || s[1] == '\'' || s[1] >= 0x80 ||
		s[1]|0x20 >= 'a' && s[1]|0x20 <= 'z' || s[1] >= '0' && s[1] <= '9') {
		return "", false
	}
	return s[:1], true
}

// lastLetter returns the letter of the last ( X ).
func lastLetter(words []string) (string, bool) {
	for i := len(words) - 3; i >= 0; i-- {
		if words[i] == "(" && isLetter(words[i+1]) && words[i+2] == ")" {
			return words[i+1], true
		}
	}
	return "", false
}
