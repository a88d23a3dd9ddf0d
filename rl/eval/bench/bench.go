// Package bench holds the benchmarks of long documents that models are compared by. Each is one file
// here that registers itself: how its records are told from others, and how one becomes a question.
// Records are read in the layouts in which their publishers hand them out, whatever the file's format;
// which layout a record has follows from its fields. Benchmarks that are generated are those of RULER's
// kinds, at any length, in files that begin with ruler, and world.
//
// The package knows text only: no prompts, no tokens and no model.
package bench

import (
	"fmt"
	"slices"
	"strings"

	"spell/rl/records"
	"spell/rl/task"
)

// A Question of a benchmark.
type Question struct {
	Set  string // the benchmark
	Part string // of the benchmark, if it is divided
	ID   string // in its set
	Task task.Task
	task.Question
	Docs []string // of one that was generated; Documents reads those of others
	// Answers are the references, of which the first is the question's Answer. A prediction that is right
	// by any of them is right; with All, it must be right by every one.
	Answers []string
	All     bool
	At      records.Place // where it stands; of one that was generated, nowhere

	kept *kept // where its documents are; nil: in Docs
}

// Right reports whether a prediction is right by the rule of the question's task.
func (q *Question) Right(r task.Rules, prediction string) bool {
	right := func(reference string) bool { return q.Task.Match(r, prediction, reference) }
	if q.All {
		return !slices.ContainsFunc(q.Answers, func(a string) bool { return !right(a) })
	}
	return slices.ContainsFunc(q.Answers, right)
}

// Reference returns the references as a judge reads them.
func (q *Question) Reference() string {
	if q.All {
		return strings.Join(q.Answers, ", ")
	}
	return strings.Join(q.Answers, " or ")
}

// Judged reports whether a judge may find an answer right that the rule does not. Of options it may
// not: the letter is right or wrong.
func (q *Question) Judged() bool { return !q.Task.NeedsLetter() }

// likeness says what the fields of a record tell of a benchmark.
type likeness int

const (
	unlike likeness = iota
	like            // it has the fields of the benchmark, and others have them, too
	sure            // it says that it is of the benchmark
)

// A Benchmark is a set of questions.
type Benchmark struct {
	Name  string
	About string // what it asks, in a few words
	// Column is what the benchmark is averaged with into one column of the paper's table; empty: it is in
	// none.
	Column string

	kind string // the name of its task

	is   func(f fields) likeness
	read func(f fields, q *Question) error

	make   func(g *generator, q *Question) // of one that is generated
	most   int                             // sentences, or documents, that it can be made longer by; 0: any number
	number uint64                          // of one that is generated; draws depend on it, so that it never changes
}

// Generated reports whether the questions are generated and not read.
func (b *Benchmark) Generated() bool { return b.make != nil }

// multiHop is the column of the three sets that LongBench has of multi-hop questions.
const multiHop = "LongBench multi-hop"

var table []*Benchmark

// Columns returns the columns of the paper's table, with the number of benchmarks in each.
func Columns() map[string]int {
	columns := map[string]int{}
	for _, b := range table {
		if b.Column != "" {
			columns[b.Column]++
		}
	}
	return columns
}

// register adds a benchmark. Two of one name or number are a mistake in the program.
func register(b Benchmark) {
	for _, other := range table {
		if other.Name == b.Name || b.Generated() && other.number == b.number {
			panic(fmt.Sprintf("two benchmarks have the name %s or the number %d", b.Name, b.number))
		}
	}
	table = append(table, &b)
}

// All returns the benchmarks in the order of their names, those that are read before those that are
// generated.
func All() []*Benchmark {
	all := slices.Clone(table)
	slices.SortFunc(all, func(a, b *Benchmark) int {
		if a.Generated() != b.Generated() {
			if b.Generated() {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// everything names all benchmarks that are read.
const everything = "all"

// Parse returns the benchmarks of a list of names, separated by commas, each once. all stands for those
// that are read.
func Parse(list string) (found []*Benchmark, err error) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		n := len(found)
		for _, b := range All() {
			if b.Name == name || name == everything && !b.Generated() {
				if slices.Contains(found, b) {
					return nil, fmt.Errorf("%s is named twice; leave one out", b.Name)
				}
				found = append(found, b)
			}
		}
		if len(found) == n {
			return nil, fmt.Errorf("there is no benchmark %q: use all, or some of %s", name, Names())
		}
	}
	for _, b := range found {
		if b.Generated() != found[0].Generated() {
			return nil, fmt.Errorf("%s is read from files and %s is generated; ask them in two runs",
				found[0].Name, b.Name)
		}
	}
	return found, nil
}

// Names lists the names of all benchmarks.
func Names() string {
	var names []string
	for _, b := range All() {
		names = append(names, b.Name)
	}
	return strings.Join(names, ", ")
}

// question returns one of the benchmark whose other fields are to be filled.
func (b *Benchmark) question() (*Question, error) {
	t, err := task.Parse(b.kind)
	return &Question{Set: b.Name, Task: t}, err
}
