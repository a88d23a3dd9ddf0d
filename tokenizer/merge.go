package tokenizer

// smallPiece is the longest piece, in symbols, merged by repeated search for the lowest
// rank. Up to here that beats the heap, whose cost grows as n log n.
const smallPiece = 64

// appendMerged appends the ids of piece: its symbols, of which neighbours are joined, lowest
// rank first and leftmost among equals, until no pair merges.
func (t *Tokenizer) appendMerged(dst []int32, piece string) []int32 {
	base := len(dst)
	dst = t.appendSymbols(dst, piece)
	if len(dst)-base <= smallPiece {
		return t.mergeSmall(dst, base)
	}
	list, _ := t.scratch.Get().(*mergeList)
	if list == nil {
		list = new(mergeList)
	}
	list.fill(&t.merges, dst[base:])
	list.run(&t.merges)
	dst = list.appendIDs(dst[:base])
	t.scratch.Put(list)
	return dst
}

// appendSymbols appends what a piece is before any merge: its bytes, or its characters.
func (t *Tokenizer) appendSymbols(dst []int32, piece string) []int32 {
	if t.chars != nil {
		return t.appendChars(dst, piece)
	}
	for i := range len(piece) {
		dst = append(dst, t.byteIDs[piece[i]])
	}
	return dst
}

// mergeSmall works in place on dst[base:].
func (t *Tokenizer) mergeSmall(dst []int32, base int) []int32 {
	ids := dst[base:]
	var joins [smallPiece]merge // joins[i] is the merge of ids[i] and ids[i+1]
	for i := 0; i+1 < len(ids); i++ {
		joins[i] = t.merges.find(ids[i], ids[i+1])
	}
	for len(ids) > 1 {
		pairs := joins[:len(ids)-1]
		at, rank := 0, uint32(noMerge)
		for i := range pairs {
			if pairs[i].rank < rank {
				at, rank = i, pairs[i].rank
			}
		}
		if rank == noMerge {
			break
		}
		ids[at] = pairs[at].id
		ids = append(ids[:at+1], ids[at+2:]...)
		copy(pairs[at:], pairs[at+1:])
		if at > 0 {
			pairs[at-1] = t.merges.find(ids[at-1], ids[at])
		}
		if at+1 < len(ids) {
			pairs[at] = t.merges.find(ids[at], ids[at+1])
		}
	}
	return dst[:base+len(ids)]
}

// mergeList is a piece as a doubly linked list of tokens, with a heap of the pairs that
// merge. A merge leaves entries of the pairs it broke in the heap; they are recognised by
// a rank that is no longer the node's.
type mergeList struct {
	nodes []mergeNode
	queue heap[candidate]
}

type mergeNode struct {
	id         int32
	prev, next int32 // -1 at the ends
	join       merge // of this node and the next
}

// candidate packs rank and node index so that one comparison orders by both.
type candidate uint64

func (c candidate) Before(d candidate) bool { return c < d }

func (l *mergeList) fill(table *pairTable, ids []int32) {
	l.nodes, l.queue = l.nodes[:0], l.queue[:0]
	for i, id := range ids {
		l.nodes = append(l.nodes, mergeNode{id: id, prev: int32(i - 1), next: int32(i + 1)})
	}
	l.nodes[len(ids)-1].next = -1
	for i := range l.nodes {
		if c, ok := l.offer(table, int32(i)); ok {
			l.queue = append(l.queue, c)
		}
	}
	l.queue.order()
}

// offer looks up the merge of node i and the next, and returns its heap entry if any.
func (l *mergeList) offer(table *pairTable, i int32) (candidate, bool) {
	n := &l.nodes[i]
	n.join.rank = noMerge
	if n.next >= 0 {
		n.join = table.find(n.id, l.nodes[n.next].id)
	}
	return candidate(n.join.rank)<<32 | candidate(i), n.join.rank != noMerge
}

func (l *mergeList) run(table *pairTable) {
	for len(l.queue) > 0 {
		c := l.queue.pop()
		i := int32(uint32(c))
		n := &l.nodes[i]
		if n.join.rank != uint32(c>>32) {
			continue
		}
		gone := &l.nodes[n.next]
		gone.join.rank = noMerge
		n.id, n.next = n.join.id, gone.next
		if n.next >= 0 {
			l.nodes[n.next].prev = i
		}
		if c, ok := l.offer(table, i); ok {
			l.queue.push(c)
		}
		if n.prev >= 0 {
			if c, ok := l.offer(table, n.prev); ok {
				l.queue.push(c)
			}
		}
	}
}

func (l *mergeList) appendIDs(dst []int32) []int32 {
	for i := int32(0); i >= 0; i = l.nodes[i].next {
		dst = append(dst, l.nodes[i].id)
	}
	return dst
}
