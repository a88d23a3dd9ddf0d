package exercise

import (
	"strings"

	"spell/rl/task"
)

// OnlyTrue returns the one option among four that is true. It returns false if none is, or more than one.
func OnlyTrue(options []string, isTrue func(string) bool) (index int, ok bool) {
	if len(options) != len(task.Letters) {
		return 0, false
	}
	index = -1
	for i, o := range options {
		if isTrue(o) {
			if index >= 0 {
				return 0, false
			}
			index = i
		}
	}
	return index, index >= 0
}

// Choose returns the end of a responder's reply that chooses an option.
func Choose(options []string, i int) string {
	return " the answer is " + options[i] + " so ( " + task.Letters[i:i+1] + " ) ."
}

// FinishChoice ends a questioner's reply with the letter. The spans are those that the reply and the prompt
// before them determine: the letter that must be right determines its option too.
func FinishChoice(reply string, q task.Question) (string, []Span) {
	var determined []Span
	if i := strings.Index(task.Letters, q.Answer); i >= 0 && len(q.Options) == len(task.Letters) {
		right := " ( " + q.Answer + " ) "
		at := strings.LastIndex(reply, right) + len(right) - 1
		determined = append(determined, Span{Start: at, End: at + 1 + len(q.Options[i])})
	}
	start := len(reply)
	reply += " answer : ( " + q.Answer + " ) ."
	return reply, append(determined, Span{Start: start, End: len(reply)})
}
