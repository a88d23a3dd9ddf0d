package tokenizer

import (
	"math"
	"math/bits"
)

// merge is what two neighbouring tokens become. The lowest rank goes first.
type merge struct {
	rank uint32 // place in the file's list of merges
	id   int32  // the joined token
}

// noMerge is the rank of a pair that does not merge.
const noMerge = math.MaxUint32

// pairTable maps a pair of token ids to its merge: open addressing with linear probing,
// at most two thirds full. It is written during construction and only read afterwards.
type pairTable struct {
	slots []pairSlot // length a power of two
	shift uint       // 64 - log2(len(slots))
}

type pairSlot struct {
	left, right int32 // left is -1 in an empty slot
	merge       merge
}

// newPairTable returns a table with room for n pairs.
func newPairTable(n int) pairTable {
	log := max(4, bits.Len(uint(n+n/2)))
	t := pairTable{slots: make([]pairSlot, 1<<log), shift: uint(64 - log)}
	for i := range t.slots {
		t.slots[i].left = -1
	}
	return t
}

// slot returns the index of the pair's slot, or of the empty slot where it would go.
func (t *pairTable) slot(left, right int32) int {
	key := uint64(uint32(left))<<32 | uint64(uint32(right))
	i := int(key * 0x9e3779b97f4a7c15 >> t.shift)
	for {
		s := &t.slots[i]
		if s.left < 0 || s.left == left && s.right == right {
			return i
		}
		i = (i + 1) & (len(t.slots) - 1)
	}
}

// put adds a pair; false, changing nothing, when the table has it already.
func (t *pairTable) put(left, right int32, m merge) bool {
	s := &t.slots[t.slot(left, right)]
	if s.left >= 0 {
		return false
	}
	*s = pairSlot{left, right, m}
	return true
}

// find returns the pair's merge; its rank is noMerge when there is none.
func (t *pairTable) find(left, right int32) merge {
	s := &t.slots[t.slot(left, right)]
	if s.left < 0 {
		return merge{rank: noMerge}
	}
	return s.merge
}
