package cpu

import (
	"fmt"
	"strings"
)

//go:generate go run -C asm . ..

// An isa is an instruction set. Its methods are the primitives, each a choice between assembly and
// the Go function with the suffix Generic. The assembly of rows, exponentials and conversions and
// the methods that choose it are written by the program in asm.
type isa uint8

const (
	generic isa = iota
	neon
	avx2
	avx512
)

var isaNames = [...]string{"generic", "neon", "avx2", "avx512"}

func (s isa) String() string { return isaNames[s] }

// bestISA returns the fastest instruction set this build and machine have.
func bestISA() isa {
	for s := avx512; s > generic; s-- {
		if s.present() {
			return s
		}
	}
	return generic
}

// chooseISA resolves a name to an instruction set this machine has.
func chooseISA(name string) (isa, error) {
	if name == "" {
		return bestISA(), nil
	}
	for i, n := range isaNames {
		if s := isa(i); n == name {
			if s.present() {
				return s, nil
			}
			return generic, fmt.Errorf("cpu backend: this build or machine has no %s; use %q", name, bestISA())
		}
	}
	return generic, fmt.Errorf("cpu backend: no instruction set %q; there are %s", name,
		strings.Join(isaNames[:], ", "))
}
