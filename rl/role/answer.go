package role

import (
	"strings"

	"spell/rl/role/number"
)

// ExtractAnswer returns the answer a responder's reply ends with, or false when it states none:
// a phrase for general QA, the text of a number for numeric, one letter A–D for multiple choice.
func (p *Prompts) ExtractAnswer(task Task, output string) (string, bool) {
	text, ended := p.afterThinking(output)
	if !ended || len(text) > maxReply {
		return "", false
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if p.format == formatWords {
		return answerFromWords(task, text)
	}
	switch task {
	case Numeric:
		return numericAnswer(text)
	case MultipleChoice:
		return choiceAnswer(text)
	}
	return phraseAnswer(text)
}

// phraseAnswer takes what follows the last "the answer is"; else the last "correct answer is"; else the last "answer is".
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

// cleanAnswer keeps the first line without asterisks, and without dots, spaces or one pair of parentheses around it.
func cleanAnswer(s string) string {
	s, _, _ = strings.Cut(strings.TrimLeft(s, " :*\t\r\n"), "\n")
	s = strings.Trim(strings.ReplaceAll(s, "*", ""), " .\t\r")
	if len(s) >= 2 && s[0] == '(' && closing(s, '(', ')') == len(s)-1 {
		s = strings.Trim(s[1:len(s)-1], " .\t")
	}
	return s
}

// closing returns the index of the bracket that closes the one s begins with, or −1.
func closing(s string, open, shut byte) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// numericAnswer prefers the last \boxed{…}; else the number after the last "answer is" that has one in its line.
func numericAnswer(text string) (string, bool) {
	if boxed, ok := lastBoxed(text); ok {
		if _, ok := number.Parse(boxed); ok {
			return withoutCommas(boxed), true
		}
		n, ok := number.Find(boxed)
		return withoutCommas(n), ok
	}
	const window = 300 // bytes after the phrase: bounds the work for a reply made of the phrase alone
	for tail := range answersFromLast(text) {
		tail, _, _ = strings.Cut(tail, "\n")
		if n, ok := number.Find(strings.ToValidUTF8(tail[:min(len(tail), window)], "")); ok {
			return withoutCommas(n), true
		}
	}
	return "", false
}

func withoutCommas(s string) string { return strings.ReplaceAll(s, ",", "") }

// choiceAnswer prefers the last \boxed{X}; else the letter after the last "answer is" that is followed by one.
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
	if s == "" || !strings.Contains(Letters, s[:1]) {
		return "", false
	}
	if len(s) > 1 && (s[1] == '_' || s[1] == '\'' || s[1]|0x20 >= 'a' && s[1]|0x20 <= 'z' || s[1] >= '0' && s[1] <= '9' || s[1] >= 0x80) {
		return "", false
	}
	return s[:1], true
}

// lastBoxed returns the content of the last \boxed{…} whose braces close.
func lastBoxed(text string) (string, bool) {
	const mark = `\boxed`
	i := strings.LastIndex(text, mark+"{")
	if i < 0 {
		return "", false
	}
	inner := text[i+len(mark):]
	end := closing(inner, '{', '}')
	if end < 0 {
		return "", false
	}
	return strings.TrimSpace(inner[1:end]), true
}

// answersFromLast yields what follows each "answer is", up to the next one, from the last back to the first.
func answersFromLast(text string) func(yield func(string) bool) {
	const phrase = "answer is"
	return func(yield func(string) bool) {
		lower := lowerASCII(text)
		for {
			i := strings.LastIndex(lower, phrase)
			if i < 0 || !yield(text[i+len(phrase):]) {
				return
			}
			lower, text = lower[:i], text[:i]
		}
	}
}

// lowerASCII lowers A–Z alone, so that indices hold in the original.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
