// Package minhash estimates and counts how much of their runs of five words two texts have in common: their
// Jaccard similarity, by which SPELL (Appendix E.1) tells near-duplicates.
package minhash

import "spell/rl/corpus/term"

// Similar is the Jaccard similarity of SPELL, Appendix E.1, from which on a text counts as the same as
// another one.
const Similar = 0.8

// A signature has 128 hashes, as in SPELL, Appendix E.1. They are one hash whose values are shared out to
// 128 bins, each with a minimum of its own, and a bin without any takes over that of another one
// (Li et al. 2012, Shrivastava 2017). The estimate is the same as that of 128 hashes at a hundredth
// of the work.
const (
	binBits = 7
	bins    = 1 << binBits
	Bands   = 32 // of 4 rows: a pair at 0.8 meets in some band with probability 1 − (1 − 0.8⁴)³² > 0.9999999
	rows    = bins / Bands
	// WorthCounting is four standard deviations, 0.035, of an estimate below Similar: less is not worth the
	// exact count.
	WorthCounting = 0.65
)

// Signature is the minima of a text's runs of five words, by which similarities are estimated.
type Signature [bins]uint32

// Minima holds the least value of each bin plus one; 0 is a bin without any.
type Minima [bins]uint64

// Add shares hashes out to their bins.
func (m *Minima) Add(hashes []uint64) {
	for _, h := range hashes {
		least := &m[h>>(64-binBits)]
		if v := h&(1<<32-1) + 1; *least == 0 || v < *least {
			*least = v
		}
	}
}

// Signature returns the minima with every empty bin filled, and reports whether there was any to
// fill them with.
func (m *Minima) Signature() (sig Signature, ok bool) {
	if *m == (Minima{}) {
		return sig, false
	}
	for i := range sig {
		from := i
		for try := uint64(1); m[from] == 0; try++ {
			from = int(term.Mix(uint64(i)<<32|try) % bins)
		}
		sig[i] = uint32(m[from] - 1)
	}
	return sig, true
}

// Estimate returns the share of equal entries, whose expectation is the Jaccard similarity.
func Estimate(a, b *Signature) float64 {
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	return float64(same) / bins
}

// A Key is a band of a signature. Texts that have one in common may be near-duplicates.
type Key struct {
	band int
	rows [rows]uint32
}

// Key returns a band.
func (s *Signature) Key(band int) Key {
	return Key{band, s.Rows(band)}
}

// Rows returns the rows of a band.
func (s *Signature) Rows(band int) [rows]uint32 { return [rows]uint32(s[band*rows:]) }
