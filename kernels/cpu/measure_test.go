package cpu

import (
	"testing"
	"time"
)

// TestBandwidth holds the rates of memory on every instruction set against a copy of the runtime's,
// timed in between: what moves nothing is faster by orders of magnitude.
func TestBandwidth(t *testing.T) {
	const size, limit = 16 << 20, 100 // a machine that others use times unevenly, and caches help
	from, to := make([]byte, size), make([]byte, size)
	for i := range from {
		from[i] = byte(i)
	}
	for _, s := range append(assembly(), generic) {
		b, err := New(Options{Workers: 1, ISA: s.String()})
		if err != nil {
			t.Fatal(err)
		}
		var read, update, copied float64 // the best of some rounds
		for range 3 {
			start := time.Now()
			copy(to, from)
			copied = max(copied, 2*size/time.Since(start).Seconds()/1e9)
			r, u := b.Bandwidth(1, size)
			read, update = max(read, r), max(update, u)
		}
		for _, c := range []struct {
			name string
			rate float64
		}{{"read", read}, {"changed", update}} {
			if !(c.rate > 0 && c.rate < limit*copied) {
				t.Errorf("%v: memory is %s at %.3g GB/s, want at most %d times the %.3g GB/s of a copy and more than 0",
					s, c.name, c.rate, limit, copied)
			}
		}
		t.Logf("%v: %.3g GB/s read, %.3g GB/s changed, %.3g GB/s copied", s, read, update, copied)
		b.Close()
	}
}
