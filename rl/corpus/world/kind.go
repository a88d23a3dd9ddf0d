package world

import "spell/rl/task"

// Kind is what a question, or another piece of training, practises.
type Kind uint8

// Kinds of questions come first; a new one goes before Digest.
const (
	OneHop           Kind = iota // "what is the home of Tolan ?"
	TwoHop                       // "what is the mayor of the home of Tolan ?"
	ThreeHop                     // "what is the job of the mayor of the home of Tolan ?"
	Lookup                       // "what is the rank of Tolan ?"
	LookupTwoHop                 // "what is the size of the home of Tolan ?"
	LookupThreeHop               // "what is the size of the seat of the employer of Tolan ?"
	Sum                          // "what is the sum of the rank of Tolan and the rank of Kestor ?"
	Difference                   // the same with a difference
	ChoiceOneHop                 // OneHop with four options
	ChoiceTwoHop                 // TwoHop with four options
	SumTwoHop                    // Sum of two numbers that are each two hops away
	DifferenceTwoHop             // the same with a difference
	SumOfThree                   // Sum of three numbers
	Count                        // "what is the count of the home Norvale ?"
	ChoiceThreeHop               // ThreeHop with four options
	Digest                       // all facts of the documents restated
	Verify                       // two answers compared
	Grounding                    // a question without documents
	Arithmetic                   // "7 + 5 = 12 ."
	Letter                       // the letter of a value among four options
)

const (
	NumQuestionKinds = int(Digest)     // the kinds before Digest are kinds of questions
	NumKinds         = int(Letter) + 1 // the length of an array indexed by Kind
)

var kindNames = [NumKinds]string{
	"one-hop", "two-hop", "three-hop", "lookup", "lookup-two-hop", "lookup-three-hop", "sum", "difference",
	"choice-one-hop", "choice-two-hop", "sum-two-hop", "difference-two-hop", "sum-of-three", "count",
	"choice-three-hop", "digest", "verify", "grounding", "arithmetic", "letter",
}

func (k Kind) String() string { return kindNames[k] }

// kindTasks and kindShapes are filled by register. A kind of training that no task claims counts as
// the first task.
var (
	kindTasks  [NumKinds]task.Task
	kindShapes [NumQuestionKinds]shape
)

// Task returns the task that a kind belongs to.
func (k Kind) Task() task.Task { return kindTasks[k] }

// shape is the work that a question takes.
type shape struct {
	op     byte // '+', '-', '#' for a count, or 0 for a single path
	terms  int  // of an operation
	hops   int  // of a single path, or of the longest term
	number bool // whether the value of a single path is a number
}

// shape returns the work that a query takes. Terms of an operation that a question of no kind has, as a
// model may write them, count as what comes nearest: three have one hop, and none has more than two.
func (q query) shape() shape {
	hops := 0
	for _, p := range q.paths {
		hops = max(hops, len(p.relations))
	}
	switch {
	case q.op == '#':
		return shape{op: '#'}
	case q.op == 0:
		return shape{hops: hops, number: q.paths[0].class() == Number}
	case len(q.paths) > 2:
		hops = 1
	}
	return shape{op: q.op, terms: len(q.paths), hops: min(hops, 2)}
}

// kind returns the first kind with the shape of the query.
func (q query) kind() Kind {
	want := q.shape()
	for k, s := range kindShapes {
		if s == want {
			return Kind(k)
		}
	}
	panic("a query of the world has a shape that no kind of question has")
}
