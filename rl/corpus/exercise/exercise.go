// Package exercise holds what base models are taught with, whatever the documents are: prompts of all
// roles with their gold replies, several over one reading of the documents. Packages world and reading
// make them.
package exercise

import (
	"spell/rl/role"
	"spell/rl/task"
)

// Span is a range of bytes of a reply.
type Span struct{ Start, End int }

// Kind is what a branch practises, a constant of the package that made it.
type Kind interface{ String() string }

// Branch is one prompt after the documents, and its gold reply.
type Branch struct {
	Role   role.Role
	Task   task.Task
	Kind   Kind
	Suffix string // the prompt after the prefix
	Reply  string // begins with a space
	// Determined are the parts of the reply that the prompt and the reply before them determine.
	// The rest is free choice, as the question of a questioner is. nil stands for the whole reply.
	Determined []Span
}

// Example is a set of branches over the same documents, or one without any.
type Example struct {
	Docs []string
	// Prefix precedes every suffix: the documents as prompts give them, what prompts give in place of
	// none, or nothing.
	Prefix   string
	Branches []Branch
}

// Source makes examples.
type Source interface {
	// Example returns the example at an index: the same one for the same seed and index. It may be
	// called concurrently.
	Example(seed, index uint64) Example
}
