package reading

import "spell/rl/task"

// Kind is what a question, or another piece of training, practises.
type Kind uint8

// Kinds of questions come first; a new one goes before Copy.
const (
	Cloze      Kind = iota // "fill : … ___ … ?", answered with words
	Field                  // "what is the … of … ?"
	Which                  // "which document says : … ?"
	Number                 // "fill : … ___ … ?", answered with a number
	Difference             // "difference : … ___ … | … ___ … ?"
	Choice                 // "fill : … ___ … ?" with four options
	Copy                   // a piece of a document goes on
	Verify                 // two answers compared
	Grounding              // a question without documents
	Arithmetic             // "9 - 5 = 4 ."
)

const (
	NumQuestionKinds = int(Copy)           // the kinds before Copy are kinds of questions
	NumKinds         = int(Arithmetic) + 1 // the length of an array indexed by Kind
)

var kindNames = [NumKinds]string{"cloze", "field", "which", "number", "difference", "choice", "copy", "verify",
	"grounding", "arithmetic"}

func (k Kind) String() string { return kindNames[k] }

// kindTasks is filled by register. A kind of training that no task claims counts as the first task.
var kindTasks [NumKinds]task.Task

// Task returns the task that a kind belongs to.
func (k Kind) Task() task.Task { return kindTasks[k] }
