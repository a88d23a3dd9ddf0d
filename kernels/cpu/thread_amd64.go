//go:build !purego

package cpu

// flushed are the bits of MXCSR that make denormal results (flush to zero) and denormal
// operands (denormals are zero) count as 0.
const flushed = 1<<15 | 1<<6

// floatControl reads MXCSR, the calling thread's floating-point control register.
//
//go:noescape
func floatControl() uint32

// setFloatControl writes MXCSR.
//
//go:noescape
func setFloatControl(c uint32)
