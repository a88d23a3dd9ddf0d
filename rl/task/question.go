package task

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Letters are the options of a question that has options.
const Letters = "ABCD"

// Question is what a questioner wrote, read from its reply.
type Question struct {
	Text    string   // without the options
	Answer  string   // as its task has it: a phrase, a number, a letter
	Options []string // the texts of A–D; nil if the task has none
}

// WithRight returns the question with its right option at a letter, in exchange for the one that was there. A
// questioner left to itself favours some letters, also when it is told another.
func (q Question) WithRight(letter string) Question {
	from, to := strings.Index(Letters, q.Answer), strings.Index(Letters, letter)
	if len(q.Options) != len(Letters) || !isLetter(q.Answer) || !isLetter(letter) || from == to {
		return q
	}
	q.Options = slices.Clone(q.Options)
	q.Options[from], q.Options[to] = q.Options[to], q.Options[from]
	q.Answer = letter
	return q
}

// Verdict says what becomes of a questioner's reply.
type Verdict uint8

const (
	OK        Verdict = iota
	BadFormat         // cannot be read: penalised
	Skip              // readable or cut off, but of no use: neither rewarded nor penalised
)

// Format is the form of the replies that a set of prompts asks for.
type Format uint8

const (
	JSON  Format = iota // prose that ends in a fenced JSON block or in "the answer is (…)": the paper's
	Words               // one space between all words: a format that a very small model can learn
)

// ParseFormat returns the format of a name, json or words.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "json":
		return JSON, nil
	case "words":
		return Words, nil
	}
	return 0, fmt.Errorf("unknown reply format %q: write json or words", name)
}

// ReadQuestion reads a questioner's reply, valid UTF-8 without its reasoning. tokens measures an
// answer; nil counts words. The question is meaningful only with verdict OK.
func (t Task) ReadQuestion(f Format, text string, tokens func(string) int) (Question, Verdict) {
	var q Question
	var ok bool
	if f == Words {
		q, ok = questionFromWords(&table[t], text)
	} else {
		q, ok = questionFromJSON(&table[t], text)
	}
	if !ok || isPlaceholder(q.Text) || isPlaceholder(q.Answer) {
		return Question{}, BadFormat
	}
	if tokens == nil {
		tokens = func(s string) int { return len(strings.Fields(s)) }
	}
	if check := table[t].check; check != nil && check(q, tokens) != OK {
		return Question{}, Skip
	}
	return q, OK
}

// ReadAnswer returns the answer that a responder's reply, valid UTF-8 without its reasoning, ends
// with, or false if it states none.
func (t Task) ReadAnswer(f Format, text string) (string, bool) {
	if f == Words {
		words, found := afterAnswerIs(strings.Fields(text))
		if !found {
			return "", false
		}
		return table[t].answerFromWords(words)
	}
	return table[t].answer(text)
}

// isLetter reports whether s is one of the letters of options.
func isLetter(s string) bool { return len(s) == 1 && strings.Contains(Letters, s) }

// isPlaceholder reports whether a value repeats a prompt's blank instead of filling it, as in <your answer>, or is
// empty.
func isPlaceholder(s string) bool {
	s = strings.TrimSpace(s)
	if strings.Trim(s, ". …") == "" || field.MatchString(s) {
		return true
	}
	inside, ok := strings.CutPrefix(s, "<")
	inside, shut := strings.CutSuffix(inside, ">")
	if !ok || !shut {
		return false
	}
	for w := range strings.FieldsSeq(strings.ToLower(inside)) {
		if !blanks[w] {
			return false
		}
	}
	return true
}

// field matches a field of a prompt that was never filled.
var field = regexp.MustCompile(`^\{\{ ?[a-zA-Z_ ]* ?\}\}$`)

// blanks are the words of which prompts make their blanks, and models theirs.
var blanks = map[string]bool{
	"question": true, "answer": true, "number": true, "letter": true, "option": true, "phrase": true, "choice": true,
	"a": true, "b": true, "c": true, "d": true, "your": true, "the": true, "here": true, "correct": true, "final": true,
}

// reference returns a questioner's answer as a responder's is read: what the reply states, if it states one, or
// else all of it without the marks around it.
func reference(answer string, stated func(string) (string, bool)) (string, bool) {
	if states(answer) {
		if a, ok := stated(answer); ok {
			return a, true
		}
	}
	if isPlaceholder(answer) {
		return "", false
	}
	return cleanAnswer(answer), true
}
