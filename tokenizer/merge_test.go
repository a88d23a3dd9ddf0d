package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// naiveMerge is BPE by its definition: join the leftmost pair of the lowest rank, again.
func naiveMerge(t *Tokenizer, piece string) []int32 {
	var ids []int32
	for i := range len(piece) {
		ids = append(ids, t.byteIDs[piece[i]])
	}
	for {
		best, at := merge{rank: noMerge}, -1
		for i := 0; i+1 < len(ids); i++ {
			for _, s := range t.merges.slots {
				if s.left == ids[i] && s.right == ids[i+1] && s.merge.rank < best.rank {
					best, at = s.merge, i
				}
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

// mergeLong is the way of pieces beyond smallPiece, here for any.
func mergeLong(t *Tokenizer, piece string) []int32 {
	var list mergeList
	list.fill(&t.merges, t.appendSymbols(nil, piece))
	list.run(&t.merges)
	return list.appendIDs(nil)
}

func TestMergesAreByRankThenLeft(t *testing.T) {
	tok := small(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		piece := make([]byte, 1+n%smallPiece)
		for i := range piece {
			piece[i] = "abcd"[rng.IntN(4)]
		}
		want := naiveMerge(tok, string(piece))
		if got := tok.mergeSmall(tok.appendSymbols(nil, string(piece)), 0); !slices.Equal(got, want) {
			t.Fatalf("%q: mergeSmall %v, want %v", piece, got, want)
		}
		if got := mergeLong(tok, string(piece)); !slices.Equal(got, want) {
			t.Fatalf("%q: mergeList %v, want %v", piece, got, want)
		}
	}
}

// The two ways agree where they meet, on real vocabularies with bytes of every kind.
func TestMergeLongEqualsSmall(t *testing.T) {
	eachFamily(t, func(t *testing.T, _ string, tok *Tokenizer) {
		for _, text := range goldenTexts(t) {
			for i := 0; i < len(text); i += smallPiece {
				piece := text[i:min(i+smallPiece, len(text))]
				small, long := tok.mergeSmall(tok.appendSymbols(nil, piece), 0), mergeLong(tok, piece)
				if !slices.Equal(small, long) {
					t.Fatalf("%q: mergeSmall %v, mergeList %v", piece, small, long)
				}
			}
		}
	})
}

// A megabyte without a place to cut takes time n log n. A quadratic loop would need hours,
// so that the bound may be wide.
func TestMegabyteOfOneLetter(t *testing.T) {
	tok := small(t)
	text := strings.Repeat("a", 1<<20)
	start := time.Now()
	ids := tok.Encode(text)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	if tok.Decode(ids) != text {
		t.Error("the text does not come back")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	tok := small(t)
	text := strings.Repeat("the cat sat on the mat, 1234 times. ", 50) + strings.Repeat("abcd", 100)
	dst := tok.Encode(text)
	if n := testing.AllocsPerRun(20, func() { dst = tok.Append(dst[:0], text) }); n >= 1 {
		t.Errorf("%v allocations a call", n)
	}
}

func TestPairTable(t *testing.T) {
	table := newPairTable(1000)
	for i := range int32(1000) {
		if !table.put(i%7, i, merge{uint32(i), i}) {
			t.Fatalf("pair %d is taken", i)
		}
	}
	if table.put(3, 3, merge{0, 0}) {
		t.Error("a pair was put twice")
	}
	for i := range int32(1000) {
		if m := table.find(i%7, i); m.rank != uint32(i) || m.id != i {
			t.Fatalf("pair %d is %+v, want rank and id %d", i, m, i)
		}
		if m := table.find(i%7+7, i); m.rank != noMerge {
			t.Fatalf("pair %d, which was not put, is %+v", i, m)
		}
	}
}
