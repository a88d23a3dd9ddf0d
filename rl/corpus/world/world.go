// Package world generates documents whose truth is known: clusters of invented persons, towns and
// firms, the questions that can be asked about them, gold replies of every role in the compact
// prompt format, and a judge that reads a question a model wrote and says what is true of it.
//
// A document is one entity. Its sentences all have the form "home Tolan Norvale .", with one space
// between words; a value of one document is often the subject of another, so that questions of two
// and three hops have answers. A few values have an alias (doctor, physician), so that a right
// answer may read differently from the reference.
//
// The names are divided into two pools. A cluster is made wholly of one: self-play reads the
// training pool, and is tested on the other, whose names it never sees.
//
// Everything is a pure function of a seed and an index.
package world

import "spell/tensor/rng"

// The uses of the World stream: the second word of its keys. The third is an index.
const (
	useCluster  uint64 = iota // clusters of Generate
	useCorpus                 // clusters of NewCorpus
	useTraining               // examples of Training
	useTest                   // clusters of Evaluation and Binding
	useItem                   // questions of Evaluation and Binding
	useText                   // lines of Text
)

// pick returns an element of list, each equally likely.
func pick[T any](r *rng.Rand, list []T) T { return list[r.Intn(len(list))] }

// chance returns true with probability p.
func chance(r *rng.Rand, p float64) bool { return r.Float64() < p }

// shuffle puts list in random order and returns it.
func shuffle[T any](r *rng.Rand, list []T) []T {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
