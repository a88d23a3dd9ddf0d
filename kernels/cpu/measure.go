package cpu

import (
	"sync"
	"time"

	"spell/tensor"
)

// PeakFMA measures the rate of f32 fused multiply-adds that n threads reach together on their
// registers, in GFLOP/s: the ceiling of every product here. It returns the best of a few runs of
// some milliseconds, and 0 for an instruction set without assembly.
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

// A traffic is memory that a call reads, changes in place and writes, and nothing else: the
// yardstick of operations that compute little.
type traffic struct {
	reads, updates, writes [][]float32
	streaming              bool // writes bypass the caches
	tasks                  int
}

const (
	trafficChunk = 1 << 12 // elements of the longest array that are touched in one go
	trafficTask  = 1 << 15 // and by a task
)

// begin counts the tasks.
func (t *traffic) begin() {
	n := 0
	for _, list := range [][][]float32{t.reads, t.updates, t.writes} {
		for _, x := range list {
			n = max(n, len(x))
		}
	}
	t.tasks = ceil(n, trafficTask)
}

// task touches its part of every array, chunk by chunk.
func (t *traffic) task(w *worker, i int) {
	const chunks = trafficTask / trafficChunk
	src := w.take(trafficChunk + 16)
	for k := i * chunks; k < (i+1)*chunks; k++ {
		part := func(x []float32) []float32 {
			n := t.tasks * chunks
			return x[k*len(x)/n&^15 : (k+1)*len(x)/n&^15]
		}
		for _, x := range t.reads {
			w.s.dot(part(x), part(x))
		}
		for _, x := range t.updates {
			w.s.touch(part(x))
		}
		for _, x := range t.writes {
			if x = part(x); t.streaming {
				w.s.streamCopy(x, src[:len(x)])
			} else if len(x) > 0 {
				w.s.copyRows(x, 0, src, 0, 1, len(x))
			}
		}
	}
}

// Bandwidth measures how fast n threads together read size bytes of memory, and change them in
// place, in units of 10⁹ bytes per second; each byte that is changed counts twice. These are the
// ceilings of operations that compute little. It returns the best of a few passes, and 0 if there
// is not enough memory. Reading is a sum, whose additions are the bound in plain Go.
func (b *Backend) Bandwidth(n, size int) (read, update float64) {
	a, err := tensor.MapArena("bandwidth", size)
	if err != nil {
		return 0, 0
	}
	defer a.Free()
	x := tensor.Elems[float32](a.New(tensor.F32, 1, size/4))
	clear(x) // a page never written would be read from the cache
	pass := func(f func(x []float32)) float64 {
		best := 0.0
		for range 3 {
			start := time.Now()
			var group sync.WaitGroup
			for i := range n {
				group.Go(func() { f(x[i*len(x)/n : (i+1)*len(x)/n]) })
			}
			group.Wait()
			best = max(best, float64(size)/time.Since(start).Seconds()/1e9)
		}
		return best
	}
	return pass(func(x []float32) { b.isa.dot(x, x) }), 2 * pass(b.isa.touch)
}

// PeakDots measures the rate of the processor's own products of bf16 that n threads reach together,
// in GFLOP/s. It runs tiles in the first-level cache, which keep 97 % of the rate on registers. It
// returns 0 if products are not made of them, for want of the instruction or because f32 is faster.
func (b *Backend) PeakDots(n int) float64 {
	const k, times = 256, 2000
	if !b.dots {
		return 0
	}
	words := b.isa.dotLayout().steps(k)
	best := 0.0
	for range 8 {
		start := time.Now()
		var group sync.WaitGroup
		for range n {
			group.Go(func() {
				a, panel, c := make([]float32, tileRows*words), make([]float32, words*panelCols),
					make([]float32, tileRows*panelCols)
				t := tile{n: panelCols, k: words, ldc: panelCols, rs: words, ks: 1, ldb: panelCols}
				for range times {
					b.isa.productDots(&t, c, a, panel, nil, tileRows)
				}
			})
		}
		group.Wait()
		best = max(best, float64(n*times*2*k*tileRows*panelCols)/time.Since(start).Seconds()/1e9)
	}
	return best
}
