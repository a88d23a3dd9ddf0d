package rollout

import (
	"crypto/sha256"
	"encoding/binary"

	"spell/kernels"
	"spell/model/forest"
)

// pageRows is the number of cache rows in a page: one run of keys of the attention kernels, so
// that keys in pages give the same bits as keys in one piece.
const pageRows = kernels.KeyBlock

// pages hands out the cache in pages.
type pages struct{ free []int32 }

func newPages(n int) *pages {
	p := &pages{free: make([]int32, n)}
	for i := range p.free {
		p.free[i] = int32(n - 1 - i)
	}
	return p
}

func (p *pages) take(n int) []int32 {
	at := len(p.free) - n
	out := append([]int32(nil), p.free[at:]...)
	p.free = p.free[:at]
	return out
}

func (p *pages) give(back []int32) { p.free = append(p.free, back...) }

// pagesFor is the number of pages that hold n tokens.
func pagesFor(n int) int { return (n + pageRows - 1) / pageRows }

// A run is the cached part of one segment: n tokens read so far, in its own pages. Requests whose prompts
// begin with the same segments share the runs of those that no answer continues.
type segmentKV struct {
	pages []int32
	n     int32
	key   [sha256.Size]byte // of the tokens and positions from the root to its end
	users int               // requests; 0 of a run that cannot be shared
}

// pathKey is the key of a segment that follows one with the key before.
func pathKey(before [sha256.Size]byte, s *forest.Segment) [sha256.Size]byte {
	h := sha256.New()
	h.Write(before[:])
	word := make([]byte, 0, 4*(len(s.Tokens)+1))
	word = binary.LittleEndian.AppendUint32(word, uint32(s.Pos))
	for _, t := range s.Tokens {
		word = binary.LittleEndian.AppendUint32(word, uint32(t))
	}
	h.Write(word)
	return [sha256.Size]byte(h.Sum(nil))
}

// slot is the cache row of token i.
func (r *segmentKV) slot(i int32) int32 { return r.pages[i/pageRows]*pageRows + i%pageRows }

// spans are the cache rows of the tokens read so far, appended to dst.
func (r *segmentKV) spans(dst []kernels.Span) []kernels.Span {
	for i := int32(0); i < r.n; i += pageRows {
		dst = append(dst, kernels.Span{Row: r.slot(i), Len: min(pageRows, r.n-i)})
	}
	return dst
}
