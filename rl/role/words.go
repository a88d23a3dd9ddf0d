package role

import "strings"

// cursor walks the words of a compact reply; after the first mismatch failed stays true and nothing more is read.
type cursor struct {
	words  []string
	failed bool
}

func (c *cursor) at(want ...string) bool {
	if len(c.words) < len(want) {
		return false
	}
	for i, w := range want {
		if c.words[i] != w {
			return false
		}
	}
	return true
}

// expect reads exactly these words.
func (c *cursor) expect(want ...string) {
	if c.failed || !c.at(want...) {
		c.failed = true
		return
	}
	c.words = c.words[len(want):]
}

// until reads at least one word up to the stop words, which it reads too, and returns the former.
func (c *cursor) until(stop ...string) string {
	start, n := c.words, 0
	for !c.failed && !c.at(stop...) {
		if len(c.words) == 0 {
			c.failed = true
			break
		}
		c.words = c.words[1:]
		n++
	}
	if c.failed || n == 0 {
		c.failed = true
		return ""
	}
	c.expect(stop...)
	return strings.Join(start[:n], " ")
}

// questionFromWords reads
//
//	… question : … ? answer : X .
//	… question : … ? ( A ) w ( B ) x ( C ) y ( D ) z answer : ( B ) .
//
// and nothing after it. What stands before the last "question :" is the derivation, which is not
// read. The question keeps its question mark.
func questionFromWords(task Task, text string) (q Question, ok bool) {
	c := cursor{words: strings.Fields(text)}
	for i := len(c.words) - 2; i >= 0; i-- {
		if c.words[i] == "question" && c.words[i+1] == ":" {
			c.words = c.words[i:]
			break
		}
	}
	c.expect("question", ":")
	q.Text = c.until("?") + " ?"
	if task != MultipleChoice {
		c.expect("answer", ":")
		q.Answer = c.until(".")
		return q, !c.failed && len(c.words) == 0
	}
	c.expect("(", "A", ")")
	q.Options = []string{c.until("(", "B", ")"), c.until("(", "C", ")"), c.until("(", "D", ")"), c.until("answer", ":")}
	c.expect("(")
	q.Answer = c.until(")")
	c.expect(".")
	return q, !c.failed && len(c.words) == 0 && len(q.Answer) == 1 && strings.Contains(Letters, q.Answer)
}

// answerFromWords reads what follows the last "answer is": up to the full stop, or for multiple choice the last ( X ).
func answerFromWords(task Task, text string) (string, bool) {
	words := strings.Fields(text)
	tail := -1
	for i := len(words) - 2; i >= 0 && tail < 0; i-- {
		if words[i] == "answer" && words[i+1] == "is" {
			tail = i + 2
		}
	}
	if tail < 0 {
		return "", false
	}
	words = words[tail:]
	if task == MultipleChoice {
		for i := len(words) - 3; i >= 0; i-- {
			if x := words[i+1]; words[i] == "(" && len(x) == 1 && strings.Contains(Letters, x) && words[i+2] == ")" {
				return x, true
			}
		}
		return "", false
	}
	for i, w := range words {
		if w == "." {
			words = words[:i]
			break
		}
	}
	return strings.Join(words, " "), len(words) > 0
}

// voteFromWords reads "yes ." or "no .".
func voteFromWords(text string) Vote {
	switch strings.Join(strings.Fields(text), " ") {
	case "yes .", "yes":
		return Yes
	case "no .", "no":
		return No
	}
	return Invalid
}
