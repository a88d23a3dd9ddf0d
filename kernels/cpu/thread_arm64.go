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
