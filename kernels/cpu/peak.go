package cpu

// peakFlops is the number of operations of one step of peak.
const peakFlops = 24 * 16 * 2

// peak runs n steps of independent fused multiply-adds on s, the yardstick of the benchmarks. It
// reports whether s has such a measure.
func (s isa) peak(n int) bool {
	if s != generic && n > 0 {
		s.peakStep(n)
	}
	return s != generic
}

// peakStepGeneric does nothing: plain Go has no fused multiply-add worth a measure.
func peakStepGeneric(int) {}
