package corpus

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// The near-duplicate rule of SPELL, Appendix E.1: MinHash with 128 permutations, Jaccard similarity 0.8.
const (
	shingleWords  = 5
	permutations  = 128
	bands         = 32 // of 4 rows: a pair at 0.8 meets in some band with probability 1 − (1 − 0.8⁴)³² > 0.9999999
	rows          = permutations / bands
	nearDuplicate = 0.8
	// A signature's estimate has a standard deviation of 0.035 at 0.8. Pairs more than four of them below are not worth the exact count.
	worthCounting = 0.65
)

type signature [permutations]uint32

// distinct returns the pieces that are neither equal, up to case and blank space, nor nearly equal to an earlier one it returns.
func distinct(pieces []piece, stats *Stats) []piece {
	var kept []piece
	index := lsh{buckets: map[bandKey][]int{}}
	seen := map[[sha256.Size]byte]bool{}
	for _, p := range pieces {
		sum := sha256.Sum256([]byte(strings.ToLower(strings.Join(strings.Fields(p.Text), " "))))
		if seen[sum] {
			stats.Duplicates++
			continue
		}
		seen[sum] = true
		if !index.add(p.Text) {
			stats.NearDuplicates++
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// lsh finds near-duplicates among the texts added to it.
type lsh struct {
	texts   []string
	sigs    []signature
	sets    [][]uint64        // shingle sets, made when first asked for: only texts with near neighbours need them
	buckets map[bandKey][]int // indices of texts
}

type bandKey struct {
	band int
	rows [rows]uint32
}

// add adds text, unless it is nearly equal to one added before. A text without any word is nearly equal to none.
func (l *lsh) add(text string) bool {
	hashes := shingles(text)
	if len(hashes) == 0 {
		return true
	}
	sig := sign(hashes)
	var near []int
	for b := range bands {
		near = append(near, l.buckets[sig.key(b)]...)
	}
	slices.Sort(near)
	var set []uint64
	for _, i := range slices.Compact(near) {
		if estimate(&sig, &l.sigs[i]) < worthCounting {
			continue
		}
		if set == nil {
			set = sortedSet(hashes)
		}
		if l.sets[i] == nil {
			l.sets[i] = sortedSet(shingles(l.texts[i]))
		}
		if jaccard(set, l.sets[i]) >= nearDuplicate {
			return false
		}
	}
	for b := range bands {
		key := sig.key(b)
		l.buckets[key] = append(l.buckets[key], len(l.texts))
	}
	l.texts, l.sigs, l.sets = append(l.texts, text), append(l.sigs, sig), append(l.sets, nil)
	return true
}

// shingles returns the hashes of all runs of five words; a text of fewer words is one run.
func shingles(text string) []uint64 {
	w := words(text)
	if len(w) == 0 {
		return nil
	}
	size := min(shingleWords, len(w))
	out := make([]uint64, len(w)-size+1)
	for i := range out {
		h := uint64(0)
		for _, x := range w[i : i+size] {
			h = h*0x9e3779b97f4a7c15 + x
		}
		out[i] = mix(h)
	}
	return out
}

// permutation constants a·x + b, of which the upper half is a 2-universal hash of x.
var permA, permB = func() (a, b [permutations]uint64) {
	for i := range a {
		a[i] = mix(uint64(2*i+1)) | 1
		b[i] = mix(uint64(2*i + 2))
	}
	return a, b
}()

// sign returns the MinHash signature: for each permutation the least hash of any shingle.
func sign(hashes []uint64) (sig signature) {
	for i := range sig {
		sig[i] = ^uint32(0)
	}
	for _, x := range hashes {
		for i := range sig {
			sig[i] = min(sig[i], uint32((permA[i]*x+permB[i])>>32))
		}
	}
	return sig
}

func (s *signature) key(band int) bandKey {
	return bandKey{band, [rows]uint32(s[band*rows:])}
}

// estimate returns the share of equal entries, whose expectation is the Jaccard similarity.
func estimate(a, b *signature) float64 {
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	return float64(same) / permutations
}

// jaccard returns |a ∩ b| / |a ∪ b| of two ascending sets, not both empty.
func jaccard(a, b []uint64) float64 {
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common, i, j = common+1, i+1, j+1
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}

func sortedSet(s []uint64) []uint64 {
	slices.Sort(s)
	return slices.Compact(s)
}
