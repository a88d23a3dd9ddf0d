// Package reading asks questions about any text, whose truth a rule knows from the text alone, and is
// for a user's documents what package world is for generated ones: the questions that can be asked of a
// cluster, gold replies of every role in the compact prompt format, examples for a base model, tests,
// and a judge that reads a question a model wrote and says what is true of it.
//
// A question points at a place of the documents by words that stand there. It is true if all places that
// it fits give the same answer. There are six kinds:
//
//	fill : its independence from the ___ in 1912, but was ?     a span: Ottoman Empire
//	fill : total: 28,748 sq km land: ___ sq km ?                a number: 27,398
//	difference : b ___ a | b ___ a ?                            of two whole numbers
//	fill : … ___ … ? ( A ) … ( B ) … ( C ) … ( D ) …            one of four spans of a class
//	what is the Capital of Albania ?                            the value of a "Field: value" line of a page
//	which document says : mostly mountains and hills ?          its title, or its first words
//
// Words are compared without case and without the marks around them. Same compares answers: it knows
// spellings and formats of numbers, and nothing that one has to know about the world.
//
// Everything is a pure function of the documents, a seed and an index.
package reading

import (
	"spell/rl/corpus/exercise"
	"spell/tensor/rng"
)

// Span, Branch and Example are what training is made of. The kind of a branch is a Kind of this package.
type (
	Span    = exercise.Span
	Branch  = exercise.Branch
	Example = exercise.Example
)

// The uses of the Reading stream: the second word of its keys. The third is an index.
const (
	useTraining uint64 = iota // examples of Training
	useTest                   // clusters of Evaluation
	useItem                   // questions of Evaluation
)

// chance returns true with probability p.
func chance(r *rng.Rand, p float64) bool { return r.Float64() < p }

// pick returns an element of list, each equally likely.
func pick[T any](r *rng.Rand, list []T) T { return list[r.Intn(len(list))] }

// between returns a number from least to most, each equally likely.
func between(r *rng.Rand, least, most int) int { return least + r.Intn(max(most-least, 0)+1) }
