package reading

import (
	"strings"

	"spell/rl/role"
	"spell/rl/task"
)

// Reply returns the gold reply of a responder: the pieces of documents it needs as evidence, the
// calculation if there is one, and the answer as the task concludes with it. The reply begins with a
// space, as what follows a prompt does. Reply returns false if the question has no true answer in the
// cluster, or none that its options allow.
func (c *Cluster) Reply(q task.Question, of task.Task) (string, bool) {
	t, s, ok := c.truth(q.Text, of)
	if !ok {
		return "", false
	}
	end, ok := manners[of].conclude(t, q)
	if !ok {
		return "", false
	}
	reply, _ := s.stated(false)
	return reply + end, true
}

// freeWords are the words of evidence that choose its place: what follows them stands in the document.
const freeWords = 3

// stated returns the evidence and what of it is determined. If it is marked, what answers stands in brackets.
func (s *solution) stated(marked bool) (text string, determined []Span) {
	for _, e := range s.evidence {
		start := len(text)
		if marked && e.start < e.end {
			text += " " + e.text[:e.start] + "[ " + e.text[e.start:e.end] + " ]" + e.text[e.end:]
		} else {
			text += " " + e.text
		}
		from := start
		for range freeWords {
			if i := strings.IndexByte(text[min(from+1, len(text)):], ' '); i >= 0 {
				from += 1 + i
			}
		}
		determined = append(determined, Span{Start: from, End: len(text)})
		text += " ."
	}
	if s.sum != "" {
		result := len(text) + strings.Index(s.sum, "=") // with the space before
		text += " " + s.sum
		determined = append(determined, Span{Start: result, End: len(text)})
	}
	return text, determined
}

// Ask returns the gold reply of a questioner: the evidence the question rests on, the question, its
// options if it has any, and its reference answer. It begins with a space. What answers is marked in the
// evidence: what stands behind the blank is what stands behind the mark, so that a small model need not
// measure how long the answer is. Which place it chooses is free, and so are the words that are taken out
// of it. The spans of determined are what the place and these determine, and the letter that must be right.
//
//	name: [ Tirana ] geographic coordinates . question : fill : name: ___ geographic coordinates ? answer : Tirana .
func (c *Cluster) Ask(prompts *role.Prompts, q task.Question, of task.Task) (reply string, determined []Span, ok bool) {
	t, s, ok := c.truth(q.Text, of)
	if !ok || !manners[of].right(t, q) {
		return "", nil, false
	}
	reply, determined = s.stated(true)
	reply += " question :"
	start := len(reply)
	reply += " " + q.Text
	at := start + 1 + len(strings.Join(openings[s.form], " "))
	for { // the blanks are chosen
		i := strings.Index(reply[at:], gap)
		if i < 0 {
			break
		}
		space := at + strings.LastIndexByte(reply[at:at+i], ' ')
		if at < space {
			determined = append(determined, Span{Start: at, End: space})
		}
		if at += i + len(gap); at == len(reply) || reply[at] != ' ' {
			at += max(0, strings.IndexByte(reply[at:], ' '))
		}
	}
	if at < len(reply) {
		determined = append(determined, Span{Start: at, End: len(reply)})
	}
	if options := strings.TrimPrefix(prompts.QuestionText(q), q.Text); options != "" {
		determined = append(determined, Span{Start: len(reply), End: len(reply) + len(options)})
		reply += options
	}
	reply, ends := manners[of].finish(reply, q)
	return reply, append(determined, ends...), true
}
