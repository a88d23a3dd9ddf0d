//go:build !purego

package cpu

// flushed is the bit of FPCR that makes denormal operands and results count as 0. Unlike x86, arm64
// looks at a result before it is rounded: one that would round up to the least normal number is 0.
const flushed = 1 << 24

// floatControl reads FPCR, the calling thread's floating-point control register.
//
//go:noescape
func floatControl() uint32

// setFloatControl writes FPCR.
//
//go:noescape
func setFloatControl(c uint32)

// spins is how often an idle worker looks for work before it parks, pausing after each look: for
// about half a millisecond. Waking it takes longer than many operations, so it should sleep through
// none of those that follow each other.
const spins = 200_000

// pause tells the processor that the thread waits.
//
//go:noescape
func pause()
