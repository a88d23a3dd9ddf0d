//go:build !purego

package cpu

import "github.com/klauspost/cpuid/v2"

// present reports whether the processor and the system have what the assembly of s uses.
func (s isa) present() bool {
	switch s {
	case generic:
		return true
	case avx2:
		return cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3)
	case avx512:
		return cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.FMA3, cpuid.BMI2)
	}
	return false
}
