package task

import "strings"

// Searches for the answer in the prose of a responder's reply.

// cleanAnswer returns the first line without asterisks, and without dots, spaces or one pair of
// parentheses around it.
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

// lastBoxed returns the content of the last \boxed{…} if its braces close.
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

// answersFromLast yields what follows each "answer is", up to the next one, from the last back to
// the first.
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
