package task

import "strings"

// questionFromWords reads
//
//	… question : … ? answer : X .
//
// and nothing after it; what stands after the question mark is the task's. What stands before the
// last "question :" is the derivation, which is not read. The question keeps its question mark.
func questionFromWords(s *spec, text string) (q Question, ok bool) {
	c := cursor{words: strings.Fields(text)}
	for i := len(c.words) - 2; i >= 0; i-- {
		if c.words[i] == "question" && c.words[i+1] == ":" {
			c.words = c.words[i:]
			break
		}
	}
	c.expect("question", ":")
	q.Text = c.until("?") + " ?"
	s.fromWords(&c, &q)
	return q, !c.failed && len(c.words) == 0
}

// afterAnswerIs returns the words after the last "answer is".
func afterAnswerIs(words []string) (tail []string, found bool) {
	for i := len(words) - 2; i >= 0; i-- {
		if words[i] == "answer" && words[i+1] == "is" {
			return words[i+2:], true
		}
	}
	return nil, false
}

// wordsToStop joins the words before the first full stop, or all if there is none.
func wordsToStop(words []string) (string, bool) {
	for i, w := range words {
		if w == "." {
			words = words[:i]
			break
		}
	}
	return strings.Join(words, " "), len(words) > 0
}

// answerToStop reads "answer : X ." into the answer of a question.
func answerToStop(c *cursor, q *Question) {
	c.expect("answer", ":")
	q.Answer = c.until(".")
}

// cursor walks the words of a reply. After the first mismatch failed stays true and nothing more is
// read.
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
