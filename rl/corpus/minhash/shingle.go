package minhash

import (
	"crypto/sha256"
	"slices"
	"unicode"
	"unicode/utf8"

	"spell/rl/corpus/term"
)

// Print is what a text is compared by.
type Print struct {
	Sum       [sha256.Size]byte // of its words in lower case with one space between them
	Words     bool              // it has any
	Signature Signature
}

// New returns the print of text. It calls step with the bytes it has gone through, and returns
// its error.
func New(text string, step func(n int) error) (*Print, error) {
	var p Print
	var m Minima
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
		m.Add(s.next(chunk))
	}
	m.Add(s.last())
	sum.Sum(p.Sum[:0])
	p.Signature, p.Words = m.Signature()
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

// Set is the set of the runs of a text, shared out by their upper bits and each share sorted, so
// that no step takes long however long the text is.
type Set [64][]uint64

// NewSet returns the runs of text. It asks stop whether to go on.
func NewSet(text string, stop func() error) (*Set, error) {
	var from shingler
	var s Set
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

// Jaccard returns the share that two sets have in common of all they have. It asks stop whether to go on.
func Jaccard(a, b *Set, stop func() error) (float64, error) {
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
