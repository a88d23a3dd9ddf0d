package task

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Searches for the answer in the prose of a responder's reply.

// A statement is a place of a reply that states the answer.
type statement struct {
	at   int
	tail string // what follows the phrase, up to the next one
	// inside is what stands behind the phrase in brackets, a box or quotes, with nothing but a mark or a remark
	// after it; empty if the answer has none around it.
	inside string
	closes bool // it is a box, or calls what is inside the correct or final answer
}

// phrase matches what comes before an answer.
var phrase = regexp.MustCompile(`^(?i)answer(?:` +
	`(?: would| should| must| has to)? (?:is|be)\b|[*_]{0,3} ?[:：=]|` + // the answer is; **Answer:**
	`(?: [^\s.:;()]{1,20}){1,6} is:? ?([(（\[$*"“‘<` + "`" + `\\]))`) // the answer for 2019 is (

// maxStatements is how many statements of a reply are looked at, the last: replies may be made of nothing else.
const maxStatements = 64

// statements returns the statements of a reply, in their order.
func statements(text string) []statement {
	const word, window = "answer", 256
	lower := lowerASCII(text)
	var all []statement
	end, at := len(text), len(text)
	for len(all) < maxStatements {
		if at = strings.LastIndex(lower[:at], word); at < 0 {
			break
		}
		match := phrase.FindStringSubmatchIndex(text[at:min(len(text), at+window)])
		last, _ := utf8.DecodeLastRuneInString(text[:at])
		if match == nil || unicode.IsLetter(last) {
			continue
		}
		begin := at + match[1]
		if match[2] >= 0 { // the phrase was matched with the bracket behind it
			begin = at + match[2]
		}
		tail := text[begin:max(begin, end)]
		end = at
		if strings.HasPrefix(tail, "n't") || strings.HasPrefix(tail, "n’t") {
			continue
		}
		tail = untilAnswer(tail)
		inside, boxed := enclosed(tail)
		all = append(all, statement{at, tail, inside, boxed || inside != "" && callsFinal(lower[:at])})
	}
	slices.Reverse(all)
	if box, at, ok := lastBoxed(text); ok {
		all = append(all, statement{at, box, box, true})
		slices.SortStableFunc(all, func(a, b statement) int { return a.at - b.at })
	}
	return all
}

// callsFinal reports whether what stands before "answer" makes it the one that is meant.
func callsFinal(before string) bool {
	for _, word := range []string{"correct ", "final ", "right "} {
		if strings.HasSuffix(before, word) {
			return true
		}
	}
	return false
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

// untilAnswer passes over what stands between a phrase and the answer: a colon, line ends and marks of a phrase in
// bold, as in "**Answer:** 12".
func untilAnswer(tail string) string {
	tail = strings.TrimLeft(tail, gap)
	for _, mark := range []string{"**", "__", "*"} {
		if rest, ok := strings.CutPrefix(tail, mark); ok && strings.Count(firstLine(tail), mark)%2 == 1 {
			return strings.TrimLeft(rest, gap)
		}
	}
	return tail
}

const gap = " :：=\t\r\n\u00a0\u200b"

// closingAnswer returns what read makes of the statement that a reply closes with: the last that closes it, or with
// anyBracket the last with its answer in brackets, else the last of all. Statements of which read makes nothing are
// passed over, unless it says that they are ambiguous: then there is no answer.
func closingAnswer(text string, anyBracket bool, read func(statement) (answer string, ambiguous bool)) (string, bool) {
	all := statements(text)
	for _, closing := range []bool{true, false} {
		for _, s := range slices.Backward(all) {
			if closing && !s.closes && !(anyBracket && s.inside != "") {
				continue
			}
			if answer, ambiguous := read(s); answer != "" || ambiguous {
				return answer, answer != ""
			}
		}
	}
	return "", false
}

// states reports whether a text has a phrase that answers follow, or a box.
func states(text string) bool { return len(statements(text)) > 0 }

// lastBoxed returns the content of the last \boxed{…} and its place if its braces close.
func lastBoxed(text string) (inner string, at int, ok bool) {
	const mark = `\boxed`
	at = strings.LastIndex(text, mark+"{")
	if at < 0 {
		return "", 0, false
	}
	rest := text[at+len(mark):]
	end := closing(rest, '{', '}')
	if end < 0 {
		return "", 0, false
	}
	return strings.TrimSpace(rest[1:end]), at, true
}

// firstLine returns the first line of a text.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// cleanAnswer returns the first line that is not blank without marks around it and without bold and italics in it.
func cleanAnswer(s string) string {
	s = peel(firstLine(strings.TrimLeft(s, gap)))
	s = italics.ReplaceAllString(strings.ReplaceAll(s, "**", ""), "$1")
	return peel(s)
}

// italics are words between single asterisks; one with spaces around it is a sign.
var italics = regexp.MustCompile(`\*(\S(?:[^*]*\S)?)\*`)
