//go:build !purego

package cpu

// peakFlops is the number of operations of one step of peakAVX512.
const peakFlops = 24 * 16 * 2

// peakAVX512 does n steps of independent fused multiply-adds: the yardstick of the benchmarks.
//
//go:noescape
func peakAVX512(n int)

// peak runs n steps on s, or says that there is no measure.
func (s isa) peak(n int) bool {
	if s == avx512 {
		peakAVX512(n)
	}
	return s == avx512
}
