package world

import (
	"fmt"

	"spell/rl/task"
	"spell/tensor/rng"
)

// A form is how the world asks questions of one task: its kinds of questions, how a true answer
// becomes a question's reference, and what is right. Each file named after a task registers one. A
// task without a form is not asked about generated documents.
type form struct {
	kinds    map[Kind]shape
	training []Kind // kinds of training that are no questions

	// read returns what a question asks, from its text without options as a model wrote it.
	read func(text string) (query, bool)
	// pose completes a question, whose Text is of the grammar and whose Answer is true. If it is
	// nil the question stays as it is.
	pose func(r *rng.Rand, c *Cluster, about query, q *task.Question)
	// right reports whether the reference answer of a question is true.
	right func(t Truth, q task.Question) bool
	// conclude returns the end of a gold reply, which begins with a space, or false if the question
	// has no right answer.
	conclude func(answer string, q task.Question) (string, bool)
	// finish ends a questioner's gold reply, which has the question and its options, with the
	// reference answer. The spans are those that the reply and the prompt before them determine.
	finish func(reply string, q task.Question) (string, []Span)
	// accept reports whether a prediction answers a question with this reference. It is stricter
	// than the task's rule, since the world knows what means the same.
	accept func(prediction, reference string) bool
}

// forms holds the forms by their tasks.
var forms = map[task.Task]form{}

// register adds the form of a task. Two tasks that claim one kind are a mistake in the program.
func register(t task.Task, f form) {
	claim := func(k Kind) {
		for other, g := range forms {
			if _, claimed := g.kinds[k]; claimed {
				panic(fmt.Sprintf("world: %v and %v both have questions of the kind %v", t, other, k))
			}
		}
		kindTasks[k] = t
	}
	for k, s := range f.kinds {
		claim(k)
		kindShapes[k] = s
	}
	for _, k := range f.training {
		claim(k)
	}
	forms[t] = f
}

// Tasks returns the tasks that the world can ask, in ascending order of their numbers.
func Tasks() []task.Task {
	var known []task.Task
	for _, t := range task.All() {
		if _, ok := forms[t]; ok {
			known = append(known, t)
		}
	}
	return known
}

// Accepts reports whether a prediction is right by the reference answer of a question of the world.
func Accepts(t task.Task, prediction, reference string) bool {
	f, ok := forms[t]
	return ok && f.accept(prediction, reference)
}

// sameOrMatch returns a rule that accepts what means the same and
// what the task's strict rule accepts.
func sameOrMatch(t task.Task) func(prediction, reference string) bool {
	return func(prediction, reference string) bool {
		return t.Match(task.Rules{Strict: true}, prediction, reference) || Same(prediction, reference)
	}
}

// concludeWith returns the end of a reply that is the answer alone.
func concludeWith(answer string, _ task.Question) (string, bool) {
	return " the answer is " + answer + " .", true
}

// finishWith ends a questioner's reply with the answer alone.
func finishWith(reply string, q task.Question) (string, []Span) {
	start := len(reply)
	reply += " answer : " + q.Answer + " ."
	return reply, []Span{{Start: start, End: len(reply)}}
}

// isTrue reports whether the reference answer of a question is true.
func isTrue(t Truth, q task.Question) bool { return t.Is(q.Answer) }
