package rollout

import (
	"crypto/sha256"
	"encoding/binary"

	"spell/kernels"
	"spell/model/forest"
)

// pageRows is the number of cache rows in a page: as many keys as the attention kernels sum at a
// time, so that keys in pages give the same bits as keys in one piece.
const pageRows = kernels.KeyBlock

// pages hands out the cache in pages.
type pages struct{ free []int32 } // numbers of the pages that nobody has

func newPages(n int) *pages {
	p := &pages{free: make([]int32, n)}
	for i := range p.free {
		p.free[i] = int32(n - 1 - i)
	}
	return p
}

// take hands out n pages; there must be as many.
func (p *pages) take(n int) []int32 {
	at := len(p.free) - n
	out := append([]int32(nil), p.free[at:]...)
	p.free = p.free[:at]
	return out
}

// give takes pages back.
func (p *pages) give(back []int32) { p.free = append(p.free, back...) }

// pagesFor returns the number of pages that hold n tokens.
func pagesFor(n int) int { return (n + pageRows - 1) / pageRows }

// A segmentKV is the keys and values of one segment, in its own pages. Requests whose prompts begin
// with the same segments share those of segments that no answer continues.
type segmentKV struct {
	pages []int32
	n     int32             // tokens read so far
	key   [sha256.Size]byte // see pathKey
	users int               // requests that use it; 0 if it cannot be shared
}

// pathKey returns a hash of the tokens and positions from the root to the end of s, whose parent
// has the key before.
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

// slot returns the cache row of token i.
func (kv *segmentKV) slot(i int32) int32 { return kv.pages[i/pageRows]*pageRows + i%pageRows }

// spans appends the cache rows of the tokens read so far to dst.
func (kv *segmentKV) spans(dst []kernels.Span) []kernels.Span {
	for i := int32(0); i < kv.n; i += pageRows {
		dst = append(dst, kernels.Span{Row: kv.slot(i), Len: min(pageRows, kv.n-i)})
	}
	return dst
}
