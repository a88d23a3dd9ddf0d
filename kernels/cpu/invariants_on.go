//go:build invariants

package cpu

// invariants says that every use of a pack is checked.
const invariants = true
