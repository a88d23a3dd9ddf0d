package folder

import (
	"crypto/sha256"
	"slices"

	"spell/rl/corpus/minhash"
)

// distinct returns the pieces that are neither equal, up to case and blank space, nor nearly equal
// to an earlier one it returns. It calls drop with every other piece and the one that is the same.
func (r *reader) distinct(pieces []piece, drop func(p, of piece, near bool)) ([]piece, error) {
	if err := r.meter.begin(); err != nil {
		return nil, err
	}
	var kept []piece
	index := &lsh{buckets: map[minhash.Key][]int{}, stop: r.meter.check}
	seen := map[[sha256.Size]byte]int{} // index in kept
	for _, p := range pieces {
		if p.print == nil {
			var err error
			if p.print, err = minhash.New(p.Text, r.meter.step); err != nil {
				return nil, err
			}
		} else if err := r.meter.step(len(p.Text)); err != nil {
			return nil, err
		}
		same, found := seen[p.print.Sum]
		if found {
			drop(p, kept[same], false)
			continue
		}
		seen[p.print.Sum] = len(kept)
		near, err := index.near(p)
		switch {
		case err != nil:
			return nil, err
		case near >= 0:
			seen[p.print.Sum] = near
			drop(p, kept[near], true)
		default:
			index.add(p, len(kept))
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// lsh finds near-duplicates among the pieces added to it.
type lsh struct {
	pieces  []piece
	numbers []int                 // that the pieces were added under
	sets    []*minhash.Set        // made when first asked for: only texts with near neighbours need them
	buckets map[minhash.Key][]int // indices of pieces
	stop    func() error
}

// near returns the number of the first piece that p is nearly equal to, or −1. A text without any
// word is nearly equal to none.
func (l *lsh) near(p piece) (int, error) {
	if !p.print.Words {
		return -1, nil
	}
	var near []int
	for b := range minhash.Bands {
		near = append(near, l.buckets[p.print.Signature.Key(b)]...)
	}
	slices.Sort(near)
	var set *minhash.Set
	for _, i := range slices.Compact(near) {
		if minhash.Estimate(&p.print.Signature, &l.pieces[i].print.Signature) < minhash.WorthCounting {
			continue
		}
		var err error
		if set == nil {
			if set, err = minhash.NewSet(p.Text, l.stop); err != nil {
				return 0, err
			}
		}
		if l.sets[i] == nil {
			if l.sets[i], err = minhash.NewSet(l.pieces[i].Text, l.stop); err != nil {
				return 0, err
			}
		}
		share, err := minhash.Jaccard(set, l.sets[i], l.stop)
		switch {
		case err != nil:
			return 0, err
		case share >= minhash.Similar:
			return l.numbers[i], nil
		}
	}
	return -1, nil
}

// add adds p under a number.
func (l *lsh) add(p piece, number int) {
	if !p.print.Words {
		return
	}
	for b := range minhash.Bands {
		key := p.print.Signature.Key(b)
		l.buckets[key] = append(l.buckets[key], len(l.pieces))
	}
	l.pieces, l.numbers, l.sets = append(l.pieces, p), append(l.numbers, number), append(l.sets, nil)
}
