package folder

import (
	"crypto/sha256"
	"slices"
	"unicode"
	"unicode/utf8"

	"spell/rl/corpus/term"
)

// nearDuplicate is the Jaccard similarity of SPELL, Appendix E.1, from which on a text counts as
// the same as another one.
const nearDuplicate = 0.8

// distinct returns the pieces that are neither equal, up to case and blank space, nor nearly equal
// to an earlier one it returns. It calls drop with every other piece and the one that is the same.
func (r *reader) distinct(pieces []piece, drop func(p, of piece, near bool)) ([]piece, error) {
	if err := r.meter.begin(); err != nil {
		return nil, err
	}
	var kept []piece
	index := &lsh{buckets: map[bandKey][]int{}, stop: r.meter.check}
	seen := map[[sha256.Size]byte]int{} // index in kept
	for _, p := range pieces {
		if p.print == nil {
			var err error
			if p.print, err = newPrint(p.Text, r.meter.step); err != nil {
				return nil, err
			}
		} else if err := r.meter.step(len(p.Text)); err != nil {
			return nil, err
		}
		same, found := seen[p.print.sum]
		if found {
			drop(p, kept[same], false)
			continue
		}
		seen[p.print.sum] = len(kept)
		near, err := index.near(p)
		switch {
		case err != nil:
			return nil, err
		case near >= 0:
			seen[p.print.sum] = near
			drop(p, kept[near], true)
		default:
			index.add(p, len(kept))
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// print is what a text is compared by.
type print struct {
	sum   [sha256.Size]byte // of its words in lower case with one space between them
	words bool              // it has any
	sig   signature
}

// newPrint returns the print of text. It calls step with the bytes it has gone through, and returns
// its error.
func newPrint(text string, step func(n int) error) (*print, error) {
	var p print
	var m minima
	sum, line := sha256.New(), make([]byte, 0, chunkBytes)
	gap, begun := false, false
	var s shingler
	for chunk := range chunks(text) {
		if err := step(len(chunk)); err != nil {
			return nil, err
		}
		line = line[:0]
		for _, r := range chunk {
			if unicode.IsSpace(r) {
				gap = begun
				continue
			}
			if gap {
				line = append(line, ' ')
			}
			gap, begun = false, true
			line = utf8.AppendRune(line, unicode.ToLower(r))
		}
		sum.Write(line)
		m.add(s.next(chunk))
	}
	m.add(s.last())
	sum.Sum(p.sum[:0])
	p.sig, p.words = m.signature()
	return &p, nil
}

// shingleWords is the length of the runs of words that texts are compared by.
const shingleWords = 5

// shingler makes the hashes of all runs of five words of a text that comes in chunks. A text of
// fewer words is one run.
type shingler struct {
	words  []uint64 // those that are part of runs to come
	hashes []uint64
	any    bool
}

// next returns the runs that end in chunk.
func (s *shingler) next(chunk string) []uint64 {
	words := term.Words(s.words, chunk)
	s.hashes = s.hashes[:0]
	at := 0
	for ; at+shingleWords <= len(words); at++ {
		s.hashes, s.any = append(s.hashes, hashRun(words[at:at+shingleWords])), true
	}
	s.words = append(words[:0], words[at:]...)
	return s.hashes
}

// last returns the run of a text that is too short for any other.
func (s *shingler) last() []uint64 {
	if s.any || len(s.words) == 0 {
		return nil
	}
	return []uint64{hashRun(s.words)}
}

func hashRun(words []uint64) uint64 {
	h := uint64(0)
	for _, w := range words {
		h = h*0x9e3779b97f4a7c15 + w
	}
	return term.Mix(h)
}

// shingles is the set of the runs of a text, shared out by their upper bits and each share sorted, so
// that no step takes long however long the text is.
type shingles [64][]uint64

// newShingles returns the runs of text. It asks stop whether to go on.
func newShingles(text string, stop func() error) (*shingles, error) {
	var from shingler
	var s shingles
	add := func(hashes []uint64) {
		for _, h := range hashes {
			s[h>>58] = append(s[h>>58], h)
		}
	}
	for chunk := range chunks(text) {
		if err := stop(); err != nil {
			return nil, err
		}
		add(from.next(chunk))
	}
	add(from.last())
	for i := range s {
		if err := stop(); err != nil {
			return nil, err
		}
		slices.Sort(s[i])
		s[i] = slices.Compact(s[i])
	}
	return &s, nil
}

// jaccard returns the share that two sets have in common of all they have. It asks stop whether to go on.
func jaccard(a, b *shingles, stop func() error) (float64, error) {
	common, all := 0, 0
	for i := range a {
		if err := stop(); err != nil {
			return 0, err
		}
		both := countCommon(a[i], b[i])
		common, all = common+both, all+len(a[i])+len(b[i])-both
	}
	return float64(common) / float64(all), nil
}

// countCommon returns the number of elements that two sorted sets have in common.
func countCommon(a, b []uint64) (n int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}
