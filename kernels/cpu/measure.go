package cpu

import (
	"sync"
	"time"
)

// PeakFMA measures the rate of f32 fused multiply-adds that n threads reach together on their
// registers, in GFLOP/s: the ceiling of every product here. It is the best of a few runs of some
// milliseconds, and 0 for an instruction set without assembly.
func (b *Backend) PeakFMA(n int) float64 {
	const steps = 400_000
	best := 0.0
	for range 8 {
		start := time.Now()
		var group sync.WaitGroup
		for range n {
			group.Go(func() { b.isa.peak(steps) })
		}
		group.Wait()
		best = max(best, float64(n*steps*peakFlops)/time.Since(start).Seconds()/1e9)
	}
	if !b.isa.peak(1) {
		return 0
	}
	return best
}
