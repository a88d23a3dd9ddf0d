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

// An attendTile is queries order[first:last] or, if that is a single one, its rows [row, row+rows).
// The mask shows all of them the keys of their first shared spans entirely.
type attendTile struct{ first, last, row, rows, shared int }

// cut appends the tiles of order[from:to].
func (a *attention) cut(from, to int) {
	room := max(1, a.vectors/a.headGroup)
	for i := from; i < to; {
		q := &a.Queries[a.order[i]]
		if n := int(q.Len); n >= room {
			for r := 0; r < n; r += room {
				a.tiles = append(a.tiles, attendTile{i, i + 1, r, min(room, n-r), 0})
			}
			i++
			continue
		}
		t := attendTile{first: i, last: i + 1, rows: int(q.Len)}
		for t.last < to {
			next := &a.Queries[a.order[t.last]]
			s := sharedSpans(q, next)
			if t.last > i+1 {
				s = min(s, t.shared)
			}
			if s == 0 || s < t.shared || t.rows+int(next.Len) > room {
				break
			}
			t.shared, t.rows, t.last = s, t.rows+int(next.Len), t.last+1
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

// walk calls do for the key blocks of a tile: those of the shared spans, then the rest of each
// query in turn. After the last block of a run it calls endRun for the query vectors [q0, q1) of
// which some may have seen some of the run; a query's last run is left open.
func (a *attention) walk(t attendTile, do func(keyBlock), endRun func(q0, q1 int)) {
	pos, blocks := 0, 0 // keys and blocks of the spans before
	for _, s := range a.Queries[a.order[t.first]].Spans[:t.shared] {
		a.walkShared(t, s, pos, blocks, do, endRun)
		pos, blocks = pos+int(s.Len), blocks+s.Blocks()
	}
	at := 0
	for _, i := range a.order[t.first:t.last] {
		q, rows := &a.Queries[i], t.rows
		if t.last > t.first+1 {
			rows = int(q.Len)
		}
		first := q.Keys() - int(q.Len) + t.row + 1 // keys that the mask shows the first row
		pos, blocks := pos, blocks
		for _, s := range q.Spans[t.shared:] {
			end := min(int(s.Len), first+rows-1-pos)
			for off := a.hiddenBlocks(first - pos); off < end; off += kernels.KeyBlock {
				a.visit(s, off, pos+off, first, rows, at, do)
				if endsRun(blocks, off) {
					endRun(at, at+rows*a.headGroup)
				}
			}
			pos, blocks = pos+int(s.Len), blocks+s.Blocks()
		}
		at += rows * a.headGroup
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

// walkShared calls do and endRun for the blocks of a shared span, which pos keys and blocks blocks of
// each query precede: once for all queries of the tile, if all their rows see all of the block, else
// do for each.
func (a *attention) walkShared(t attendTile, s kernels.Span, pos, blocks int, do func(keyBlock),
	endRun func(q0, q1 int)) {
	vectors := t.rows * a.headGroup
	least, most := math.MaxInt, 0 // keys that the mask shows some row
	for _, i := range a.order[t.first:t.last] {
		q := &a.Queries[i]
		keys := q.Keys()
		least, most = min(least, keys-int(q.Len)+1), max(most, keys)
	}
	for off := a.hiddenBlocks(least - pos); off < int(s.Len); off += kernels.KeyBlock {
		if most-a.window <= pos+off {
			n := min(kernels.KeyBlock, int(s.Len)-off)
			do(keyBlock{row: int(s.Row) + off, n: n, q1: vectors, hidden: -vectors, seen: n})
		} else {
			at := 0
			for _, i := range a.order[t.first:t.last] {
				q := &a.Queries[i]
				a.visit(s, off, pos+off, q.Keys()-int(q.Len)+1, int(q.Len), at, do)
				at += int(q.Len) * a.headGroup
			}
		}
		if endsRun(blocks, off) {
			endRun(0, vectors)
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
