//go:build invariants

package cpu

// invariants makes every use of a pack compare it with its weights.
const invariants = true
