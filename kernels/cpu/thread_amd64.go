//go:build !purego

package cpu

// flushed are the bits of MXCSR that make denormal results (flush to zero) and denormal operands
// (denormals are zero) count as 0.
const flushed = 1<<15 | 1<<6

// floatControl reads MXCSR, the calling thread's floating-point control register.
//
//go:noescape
func floatControl() uint32

// setFloatControl writes MXCSR.
//
//go:noescape
func setFloatControl(c uint32)

// spins is how often an idle worker looks for work before it parks, pausing after each look: for
// about half a millisecond. Waking it takes longer than many operations, so it should sleep through
// none of those that follow each other.
const spins = 8_000

// pause tells the processor that the thread waits, which leaves more of a core to its other thread.
//
//go:noescape
func pause()
