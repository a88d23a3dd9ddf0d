package minhash

import (
	"testing"

	"spell/rl/corpus/term"
)

// The signatures estimate the similarity without bias and with the binomial's spread.
func TestSignatureEstimate(t *testing.T) {
	const pairs = 200
	for _, shared := range []int{20, 50, 80} {
		sum := 0.0
		for p := range pairs {
			var a, b []uint64
			for i := range 100 {
				a = append(a, term.Mix(uint64(p*1000+i)))
				if i < shared {
					b = append(b, a[i])
				} else {
					b = append(b, term.Mix(uint64(p*1000+500+i)))
				}
			}
			var ma, mb Minima
			ma.Add(a)
			mb.Add(b)
			sa, _ := ma.Signature()
			sb, _ := mb.Signature()
			sum += Estimate(&sa, &sb)
		}
		want := float64(shared) / float64(200-shared)
		if got := sum / pairs; got < want-0.02 || got > want+0.02 {
			t.Errorf("%d shared: mean estimate %.3f, want %.3f", shared, got, want)
		}
	}
}
