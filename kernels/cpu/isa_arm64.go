//go:build !purego

package cpu

// present reports whether the processor has what the assembly of s uses. Go itself needs NEON.
func (s isa) present() bool { return s == generic || s == neon }
