// Package role holds what the three roles of self-play say and how their replies are read: prompt texts, one set of
// files per reply format, and the parsers of questions, answers and votes. It knows text only, no tokens and no model.
//
// One policy plays every role through its prompt: the questioner writes a question with its answer from some documents,
// the responder answers it from all of them, the verifier says whether two answers are the same. Documents come first in
// every prompt and the instruction after them, so that prompts over equal documents share their prefix.
//
// Two sets are embedded. "full" asks for the replies of the SPELL paper (arXiv 2509.23863): fenced JSON, "The correct
// answer is (…)", "Therefore, the answer is (…)", [[YES]] or [[NO]]. "compact" is a word-level format that a model of
// under a million parameters can learn, with one space between all words.
package role

import "fmt"

// Task is a kind of question.
type Task uint8

const (
	GeneralQA      Task = iota // a short phrase, checked by cover exact match
	Numeric                    // one non-zero number, checked within a tolerance
	MultipleChoice             // a letter A–D
)

// NumTasks is the number of tasks: the length of an array indexed by Task.
const NumTasks = 3

var taskNames = [NumTasks]string{"general_qa", "numeric", "multiple_choice"}

// String returns the name used in files and flags.
func (t Task) String() string {
	if int(t) < len(taskNames) {
		return taskNames[t]
	}
	return fmt.Sprintf("task(%d)", uint8(t))
}

// ParseTask is the inverse of String.
func ParseTask(name string) (Task, error) {
	for i, n := range taskNames {
		if n == name {
			return Task(i), nil
		}
	}
	return 0, fmt.Errorf("unknown task %q: use general_qa, numeric or multiple_choice", name)
}

// MarshalText writes the name.
func (t Task) MarshalText() ([]byte, error) {
	if int(t) >= len(taskNames) {
		return nil, fmt.Errorf("no task has the number %d", uint8(t))
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads the name.
func (t *Task) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTask(string(text))
	return err
}

// Role is one of the three parts the policy plays.
type Role uint8

const (
	Questioner Role = iota
	Responder       // also answers without documents, in the grounding test
	Verifier
)

// NumRoles is the number of roles: the length of an array indexed by Role.
const NumRoles = 3

var roleNames = [NumRoles]string{"questioner", "responder", "verifier"}

// String returns the name used in files and metrics.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// MarshalText writes the name.
func (r Role) MarshalText() ([]byte, error) {
	if int(r) >= len(roleNames) {
		return nil, fmt.Errorf("no role has the number %d", uint8(r))
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the name.
func (r *Role) UnmarshalText(text []byte) error {
	for i, n := range roleNames {
		if n == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("unknown role %q: use questioner, responder or verifier", text)
}

// Letters are the options of a multiple-choice question.
const Letters = "ABCD"

// Question is what a questioner wrote, read from its reply.
type Question struct {
	Text    string   // without the options
	Answer  string   // a phrase, a number or a letter
	Options []string // the texts of A–D; nil unless multiple choice
}

// Example is an earlier question as a later questioner prompt shows it, options included.
type Example struct{ Question, Answer string }

// Verdict says what becomes of a questioner's reply.
type Verdict uint8

const (
	OK        Verdict = iota
	BadFormat         // cannot be read: penalised
	Skip              // readable or cut off, but of no use: neither rewarded nor penalised
)

// Vote is a verifier's decision.
type Vote uint8

const (
	Invalid Vote = iota // says neither, or both
	No
	Yes
)
