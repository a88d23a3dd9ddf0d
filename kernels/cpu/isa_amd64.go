//go:build !purego

package cpu

import "github.com/klauspost/cpuid/v2"

// bestISA is AVX-512 where the processor and the system have what the assembly uses.
func bestISA() isa {
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.FMA3, cpuid.BMI2) {
		return avx512
	}
	return generic
}
