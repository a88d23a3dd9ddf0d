package reading

import (
	"fmt"
	"slices"
	"strings"

	"spell/rl/task"
	"spell/tensor/rng"
)

// A manner is how questions of one task are asked about documents: its kinds of questions, what a true
// answer must be, and how replies end. Each file named after a task registers one. A task without a
// manner is not asked.
type manner struct {
	kinds []Kind // of questions and of training
	// kind returns the kind of a question of a form, or false if the task has none.
	kind func(f form) (Kind, bool)
	// fits reports whether the answer to a question can be its task's; nil: any can.
	fits func(answer string) bool
	// pose completes a question, whose Text is of the grammar and whose Answer is true, with what its
	// task wants beside, found from the answer on if the question is led; false if the cluster has nothing
	// for it. If pose is nil the question stays as it is.
	pose func(r *rng.Rand, c *Cluster, s *solution, q *task.Question, led bool) bool
	// right reports whether the reference answer of a question is true.
	right func(t Truth, q task.Question) bool
	// conclude returns the end of a gold reply, which begins with a space, or false if the question
	// has no right answer.
	conclude func(t Truth, q task.Question) (string, bool)
	// finish ends a questioner's gold reply, which has the question and its options, with the
	// reference answer. The spans are those that the reply and the prompt before them determine.
	finish func(reply string, q task.Question) (string, []Span)
	// accept reports whether a prediction answers a question with this reference.
	accept func(prediction, reference string) bool
}

// manners holds the manners by their tasks.
var manners = map[task.Task]manner{}

// register adds the manner of a task. Two tasks that claim one kind are a mistake in the program.
func register(t task.Task, m manner) {
	for _, k := range m.kinds {
		for other, n := range manners {
			for _, taken := range n.kinds {
				if taken == k {
					panic(fmt.Sprintf("reading: %v and %v both have the kind %v", t, other, k))
				}
			}
		}
		kindTasks[k] = t
	}
	manners[t] = m
}

// Tasks returns the tasks that can be asked about documents, in ascending order of their numbers.
func Tasks() []task.Task {
	var known []task.Task
	for _, t := range task.All() {
		if _, ok := manners[t]; ok {
			known = append(known, t)
		}
	}
	return known
}

// Accepts reports whether a prediction is right by the reference answer of a question. It is stricter than
// the task's rule, which takes a number that is nearly right and a phrase that says more.
func Accepts(t task.Task, prediction, reference string) bool {
	m, ok := manners[t]
	return ok && m.accept(prediction, reference)
}

// isTrue reports whether the reference answer of a question is true.
func isTrue(t Truth, q task.Question) bool { return t.Is(q.Answer) }

// concludeWith returns the end of a reply that is the answer alone.
func concludeWith(t Truth, _ task.Question) (string, bool) {
	return " the answer is " + t.Answers[0] + " .", true
}

// finishWith ends a questioner's reply with the answer alone.
func finishWith(reply string, q task.Question) (string, []Span) {
	start := len(reply)
	reply += " answer : " + q.Answer + " ."
	return reply, []Span{{Start: start, End: len(reply)}}
}

// readable reports whether replies in the words format can state an answer: it is read as it was written, and
// its task finds it equal to itself.
func readable(t task.Task, answer string) bool {
	if !plain(answer) || slices.Contains(strings.Fields(answer), "answer") {
		return false
	}
	q, verdict := t.ReadQuestion(task.Words, "question : x ? answer : "+answer+" .", nil)
	return verdict == task.OK && q.Answer == answer && t.Match(task.Rules{}, answer, answer) &&
		t.Match(task.Rules{Strict: true}, answer, answer)
}

// plain reports whether a text of a document may be quoted in a question: none of its words is a mark by
// which questions are read.
func plain(text string) bool {
	for w := range strings.FieldsSeq(text) {
		switch w {
		case ".", "?", "(", ")", ":", "|":
			return false
		}
	}
	return !strings.Contains(text, gap)
}
