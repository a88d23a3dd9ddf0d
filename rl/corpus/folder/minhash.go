package folder

import (
	"slices"

	"spell/rl/corpus/term"
)

// MinHash with 128 hashes, as in SPELL, Appendix E.1. They are one hash whose values are shared out
// to 128 bins, each with a minimum of its own, and a bin without any takes over that of another one
// (Li et al. 2012, Shrivastava 2017). The estimate is the same as that of 128 hashes at a hundredth
// of the work.
const (
	binBits = 7
	bins    = 1 << binBits
	bands   = 32 // of 4 rows: a pair at 0.8 meets in some band with probability 1 − (1 − 0.8⁴)³² > 0.9999999
	rows    = bins / bands
	// A signature's estimate has a standard deviation of 0.035 at 0.8. Pairs more than four of them
	// below are not worth the exact count.
	worthCounting = 0.65
)

type signature [bins]uint32

// minima holds the least value of each bin plus one; 0 is a bin without any.
type minima [bins]uint64

// add shares hashes out to their bins.
func (m *minima) add(hashes []uint64) {
	for _, h := range hashes {
		least := &m[h>>(64-binBits)]
		if v := h&(1<<32-1) + 1; *least == 0 || v < *least {
			*least = v
		}
	}
}

// signature returns the minima with every empty bin filled, and reports whether there was any to
// fill them with.
func (m *minima) signature() (sig signature, ok bool) {
	if *m == (minima{}) {
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

// estimate returns the share of equal entries, whose expectation is the Jaccard similarity.
func estimate(a, b *signature) float64 {
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	return float64(same) / bins
}

// lsh finds near-duplicates among the pieces added to it.
type lsh struct {
	pieces  []piece
	numbers []int             // that the pieces were added under
	sets    []*shingles       // made when first asked for: only texts with near neighbours need them
	buckets map[bandKey][]int // indices of pieces
	stop    func() error
}

type bandKey struct {
	band int
	rows [rows]uint32
}

func (s *signature) key(band int) bandKey {
	return bandKey{band, [rows]uint32(s[band*rows:])}
}

// near returns the number of the first piece that p is nearly equal to, or −1. A text without any
// word is nearly equal to none.
func (l *lsh) near(p piece) (int, error) {
	if !p.print.words {
		return -1, nil
	}
	var near []int
	for b := range bands {
		near = append(near, l.buckets[p.print.sig.key(b)]...)
	}
	slices.Sort(near)
	var set *shingles
	for _, i := range slices.Compact(near) {
		if estimate(&p.print.sig, &l.pieces[i].print.sig) < worthCounting {
			continue
		}
		var err error
		if set == nil {
			if set, err = newShingles(p.Text, l.stop); err != nil {
				return 0, err
			}
		}
		if l.sets[i] == nil {
			if l.sets[i], err = newShingles(l.pieces[i].Text, l.stop); err != nil {
				return 0, err
			}
		}
		share, err := jaccard(set, l.sets[i], l.stop)
		switch {
		case err != nil:
			return 0, err
		case share >= nearDuplicate:
			return l.numbers[i], nil
		}
	}
	return -1, nil
}

// add adds p under a number.
func (l *lsh) add(p piece, number int) {
	if !p.print.words {
		return
	}
	for b := range bands {
		key := p.print.sig.key(b)
		l.buckets[key] = append(l.buckets[key], len(l.pieces))
	}
	l.pieces, l.numbers, l.sets = append(l.pieces, p), append(l.numbers, number), append(l.sets, nil)
}
