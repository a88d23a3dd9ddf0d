// Package task holds the kinds of questions that self-play asks. Each kind, a task, is one file
// here: how a question and an answer of the kind are read from a model's reply, which of them are
// of use, and the rule that compares an answer with the reference. The files register their task in
// a table, and the rest of the program ranges over the table; no other file needs to change for a
// new one. Package role adds its prompt texts, which are files named after the task, and package
// world may add how the task is asked about generated documents.
//
// The package knows text only: no prompts, no tokens and no model.
package task

import (
	"fmt"
	"slices"
	"strings"
)

// Task identifies a kind of question by a number that never changes: random draws depend on it, and
// saved state is ordered by it. Files and flags have its name instead.
type Task uint8

// A spec is what makes a task. All functions get valid UTF-8.
type spec struct {
	name string // in files and flags

	// responder names the prompt text that asks the responder such a question, without the ".txt"
	// of its file. Tasks may share one.
	responder string
	// letter says that the questioner is told which option must be right: its prompt texts need
	// {{letter}}.
	letter bool

	// suits reports whether a question of the task can be asked about a text; nil: about any.
	suits func(text string) bool

	// fromJSON completes a question, whose Text is set, from the fields of a reply in JSON. It
	// returns false if the reply lacks what the task needs.
	fromJSON func(f fields, q *Question) bool
	// fromWords completes a question, whose Text is read, from the words after it, up to the last.
	fromWords func(c *cursor, q *Question)
	// check returns Skip for a question that can be read but is of no use. tokens measures a text;
	// nil: all are of use.
	check func(q Question, tokens func(string) int) Verdict

	// answer finds the answer that a reply states.
	answer func(text string) (string, bool)
	// answerFromWords reads the answer from the words after the last "answer is" of a reply in the
	// words format.
	answerFromWords func(words []string) (string, bool)

	// match is the rule: it reports whether a prediction is right by the reference answer.
	match func(r Rules, prediction, reference string) bool
}

// table holds every task by its number; a number that no task has is a spec without a name.
var table []spec

// register adds a task to the table. Two tasks of one number or name are a mistake in the program.
func register(t Task, s spec) {
	if slices.ContainsFunc(table, func(other spec) bool { return other.name == s.name }) || t.known() {
		panic(fmt.Sprintf("task %s: its name or its number %d is taken", s.name, t))
	}
	for int(t) >= len(table) {
		table = append(table, spec{})
	}
	table[t] = s
}

func (t Task) known() bool { return int(t) < len(table) && table[t].name != "" }

// All returns the tasks in ascending order of their numbers.
func All() []Task {
	var all []Task
	for t := range table {
		if Task(t).known() {
			all = append(all, Task(t))
		}
	}
	return all
}

// Names returns the names of all tasks, separated by commas, as errors list them.
func Names() string {
	var names []string
	for _, t := range All() {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}

// String returns the name used in files and flags.
func (t Task) String() string {
	if !t.known() {
		return fmt.Sprintf("task(%d)", uint8(t))
	}
	return table[t].name
}

// Parse returns the task of a name. Its error lists the names there are.
func Parse(name string) (Task, error) {
	for _, t := range All() {
		if table[t].name == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown task %q: the tasks are %s", name, Names())
}

// MarshalText writes the name.
func (t Task) MarshalText() ([]byte, error) {
	if !t.known() {
		return nil, fmt.Errorf("no task has the number %d", uint8(t))
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads the name.
func (t *Task) UnmarshalText(text []byte) (err error) {
	*t, err = Parse(string(text))
	return err
}

// QuestionerPrompts returns the names of the prompt texts that ask for a question: the first one of
// its documents, and a later one, which must differ from those before it.
func (t Task) QuestionerPrompts() (first, later string) {
	first = "questioner_" + t.String()
	return first, first + "_history"
}

// ResponderPrompt returns the name of the prompt text that asks a question of the task.
func (t Task) ResponderPrompt() string { return table[t].responder }

// NeedsLetter reports whether a questioner is told which option must be right.
func (t Task) NeedsLetter() bool { return table[t].letter }

// Suits reports whether a question of the task can be asked about documents.
func (t Task) Suits(docs []string) bool {
	return table[t].suits == nil || slices.ContainsFunc(docs, table[t].suits)
}

// Rules are the settings of the rules that compare answers.
type Rules struct {
	Strict bool // numbers must agree in sign and scale
	// Characters has phrases compared character by character, as the paper's code does it, not word by word.
	Characters bool
}

// Match reports whether a prediction is right by the task's rule and the reference answer.
func (t Task) Match(r Rules, prediction, reference string) bool {
	return table[t].match(r, prediction, reference)
}
