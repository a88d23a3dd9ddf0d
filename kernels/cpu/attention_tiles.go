package cpu

import (
	"math"

	"spell/kernels"
)

// A tile has about this many query vectors, as far as whole rows give them: many share the cost of
// a block of keys, few leave work for all workers.
const minVectors, maxVectors = 60, 480

// softmaxRows is how many query vectors go through the three steps together: few, so that their
// scores stay in the first-level cache, and so that where the mask cuts a block they compute little
// that none of them sees.
const softmaxRows = 48

// An attention is a call with the queries in the order in which tiles take them.
type attention struct {
	*kernels.Attention
	order     []int32 // indices of Queries
	headGroup int     // query heads per key-value head
	vectors   int     // query vectors of a tile
	window    int     // keys that a row sees at most
	scale     float32
	tiles     []attendTile
}

// An attendTile is queries order[first:last], of which any two see some first spans of keys both, or, if that is a
// single one, its rows [row, row+rows).
type attendTile struct{ first, last, row, rows int }

// cut appends the tiles of order[from:to].
func (a *attention) cut(from, to int) {
	room := max(1, a.vectors/a.headGroup)
	for i := from; i < to; {
		q := &a.Queries[a.order[i]]
		if n := int(q.Len); n >= room {
			for r := 0; r < n; r += room {
				a.tiles = append(a.tiles, attendTile{i, i + 1, r, min(room, n-r)})
			}
			i++
			continue
		}
		t := attendTile{first: i, last: i + 1, rows: int(q.Len)}
		for t.last < to {
			next := &a.Queries[a.order[t.last]]
			if t.rows+int(next.Len) > room || sharedSpans(q, next) == 0 {
				break
			}
			t.rows, t.last = t.rows+int(next.Len), t.last+1
		}
		a.tiles = append(a.tiles, t)
		i = t.last
	}
}

// sharedSpans returns how many first spans p and q have in common that all their rows see.
func sharedSpans(p, q *kernels.Query) int {
	n, keys := 0, 0
	limit := min(p.Keys()-int(p.Len), q.Keys()-int(q.Len)) + 1
	for n < min(len(p.Spans), len(q.Spans)) && p.Spans[n] == q.Spans[n] && keys+int(p.Spans[n].Len) <= limit {
		keys += int(p.Spans[n].Len)
		n++
	}
	return n
}

// A keyBlock is rows [row, row+n) of k and v, at most KeyBlock, and the query vectors [q0, q1) of a
// tile that see some of them. A vector of row r of those sees keys [hidden+r, seen+r) of the block,
// as far as there are such.
type keyBlock struct{ row, n, q0, q1, hidden, seen int }

// visible returns the keys [from, to) of b that query vector i sees, and how many vectors from i on
// see the same.
func (a *attention) visible(b *keyBlock, i int) (from, to, alike int) {
	row, head := (i-b.q0)/a.headGroup, (i-b.q0)%a.headGroup
	from, to, alike = max(0, b.hidden+row), min(b.seen+row, b.n), a.headGroup-head
	if from == 0 && to == b.n {
		alike = b.q1 - i
		if last := -b.hidden; last < (b.q1-b.q0)/a.headGroup { // row that sees all of the block
			alike = (last+1-row)*a.headGroup - head
		}
	}
	return from, to, alike
}

// seenBy returns the keys [from, to) of b that some of the query vectors [first, end) see.
func (a *attention) seenBy(b *keyBlock, first, end int) (from, to int) {
	from, _, _ = a.visible(b, first)
	_, to, _ = a.visible(b, end-1)
	return from, to
}

// walk calls do for the key blocks of a tile: those of spans that several queries share once for all of them, as far as
// they follow each other, then the rest of each. After the last block of a run it calls endRun for the query vectors
// [q0, q1) of which some may have seen some of the run; a query's last run is left open.
func (a *attention) walk(t attendTile, do func(keyBlock), endRun func(q0, q1 int)) {
	if t.last == t.first+1 {
		a.walkRows(t.first, t.row, t.rows, walked{}, do, endRun)
	} else {
		a.walkQueries(t.first, t.last, walked{}, do, endRun)
	}
}

// walked is what a walk has behind it: first spans of its queries with their keys and blocks. The first vector of what
// is ahead is at.
type walked struct{ spans, keys, blocks, at int }

// walkQueries walks what queries order[first:last] see of the spans ahead.
func (a *attention) walkQueries(first, last int, w walked, do func(keyBlock), endRun func(q0, q1 int)) {
	q := &a.Queries[a.order[first]]
	if last == first+1 {
		a.walkRows(first, 0, int(q.Len), w, do, endRun)
		return
	}
	shared := len(q.Spans)
	for _, i := range a.order[first+1 : last] {
		shared = min(shared, sharedSpans(q, &a.Queries[i]))
	}
	for _, s := range q.Spans[w.spans:shared] {
		a.walkShared(first, last, s, w, do, endRun)
		w.keys, w.blocks = w.keys+int(s.Len), w.blocks+s.Blocks()
	}
	w.spans = shared
	for i := first; i < last; {
		q, rows := &a.Queries[a.order[i]], 0
		end := i
		for ; end < last; end++ {
			next := &a.Queries[a.order[end]]
			if end > i && sharedSpans(q, next) <= shared {
				break
			}
			rows += int(next.Len)
		}
		a.walkQueries(i, end, w, do, endRun)
		w.at += rows * a.headGroup
		i = end
	}
}

// walkRows walks what rows [row, row+rows) of query order[i] see of the spans ahead.
func (a *attention) walkRows(i, row, rows int, w walked, do func(keyBlock), endRun func(q0, q1 int)) {
	q := &a.Queries[a.order[i]]
	first := q.Keys() - int(q.Len) + row + 1 // keys that the mask shows the first row
	for _, s := range q.Spans[w.spans:] {
		end := min(int(s.Len), first+rows-1-w.keys)
		for off := a.hiddenBlocks(first - w.keys); off < end; off += kernels.KeyBlock {
			a.visit(s, off, w.keys+off, first, rows, w.at, do)
			if endsRun(w.blocks, off) {
				endRun(w.at, w.at+rows*a.headGroup)
			}
		}
		w.keys, w.blocks = w.keys+int(s.Len), w.blocks+s.Blocks()
	}
}

// endsRun says whether the block at key off of a span is the last of a run, after blocks blocks of
// the query's spans before.
func endsRun(blocks, off int) bool {
	return (blocks+off/kernels.KeyBlock+1)%kernels.RunBlocks == 0
}

// hiddenBlocks returns the keys of whole blocks that the window hides from rows that the mask shows
// seen keys or more of a span.
func (a *attention) hiddenBlocks(seen int) int {
	return max(0, seen-a.window) / kernels.KeyBlock * kernels.KeyBlock
}

// walkShared calls do and endRun for the blocks of a span that queries order[first:last] share: once for all of them,
// if all their rows see all of the block, else do for each.
func (a *attention) walkShared(first, last int, s kernels.Span, w walked, do func(keyBlock),
	endRun func(q0, q1 int)) {

	vectors := 0
	least, most := math.MaxInt, 0 // keys that the mask shows some row
	for _, i := range a.order[first:last] {
		q := &a.Queries[i]
		keys := q.Keys()
		least, most = min(least, keys-int(q.Len)+1), max(most, keys)
		vectors += int(q.Len) * a.headGroup
	}
	for off := a.hiddenBlocks(least - w.keys); off < int(s.Len); off += kernels.KeyBlock {
		if most-a.window <= w.keys+off {
			n := min(kernels.KeyBlock, int(s.Len)-off)
			do(keyBlock{row: int(s.Row) + off, n: n, q0: w.at, q1: w.at + vectors, hidden: -vectors, seen: n})
		} else {
			at := w.at
			for _, i := range a.order[first:last] {
				q := &a.Queries[i]
				a.visit(s, off, w.keys+off, q.Keys()-int(q.Len)+1, int(q.Len), at, do)
				at += int(q.Len) * a.headGroup
			}
		}
		if endsRun(w.blocks, off) {
			endRun(w.at, w.at+vectors)
		}
	}
}

// visit calls do for the block at key off of span s, key pos of its query, and those of rows rows
// that see some of it. They are vectors at… of the tile; the mask shows the first of them first keys
// and each other one more.
func (a *attention) visit(s kernels.Span, off, pos, first, rows, at int, do func(keyBlock)) {
	n := min(kernels.KeyBlock, int(s.Len)-off)
	blind := max(0, pos-first+1)             // rows that see none of the block yet
	rows = min(rows, pos+n+(a.window-first)) // less those that see none any more
	if blind >= rows {
		return
	}
	do(keyBlock{row: int(s.Row) + off, n: min(n, first+rows-1-pos), q0: at + blind*a.headGroup,
		q1: at + rows*a.headGroup, hidden: first + blind - pos - a.window, seen: first + blind - pos})
}

// gather copies the query vectors of a tile to dst, width columns each, from the columns of m that
// belong to key-value head kv, in the order query, row, head.
func (a *attention) gather(w *worker, dst []float32, m *mat, t attendTile, kv, width int) {
	n := a.headGroup * width
	a.runs(t, func(i, row, rows int) { w.s.load(dst[i*n:], n, m, row, rows, kv*n, n) })
}

// scatter copies the query vectors of a tile back to m.
func (a *attention) scatter(w *worker, m *mat, src []float32, t attendTile, kv, width int) {
	n := a.headGroup * width
	a.runs(t, func(i, row, rows int) {
		for r := range rows {
			m.put(w.s, row+r, kv*n, src[(i+r)*n:][:n])
		}
	})
}

// runs calls do with each run of rows of a tile: its number in the tile, its first row in the
// matrices, its rows.
func (a *attention) runs(t attendTile, do func(i, row, rows int)) {
	i := 0
	for _, k := range a.order[t.first:t.last] {
		q, n := &a.Queries[k], t.rows
		if t.last > t.first+1 {
			n = int(q.Len)
		}
		do(i, int(q.Row)+t.row, n)
		i += n
	}
}

// start prepares a call, reusing the memory of the one before, and returns the multiply-adds of one
// of its products. The order is that of the queries.
func (a *attention) start(att *kernels.Attention) (work int) {
	a.Attention, a.headGroup, a.vectors, a.scale = att, att.Heads/att.KVHeads, maxVectors, float32(att.Scale)
	if a.window = int(att.Window); a.window == 0 {
		a.window = 1 << 30
	}
	a.order, a.tiles = a.order[:0], a.tiles[:0]
	for i := range att.Queries {
		q := &att.Queries[i]
		if q.Len > 0 {
			a.order = append(a.order, int32(i))
		}
		work += int(q.Len) * min(q.Keys(), a.window)
	}
	return work * att.Heads * att.Dim
}
