package cpu

import (
	"math"
	"slices"

	"spell/kernels"
	"spell/tensor"
)

// Attention works on tiles: some query rows times all the query heads that share one key-value
// head, against one block of keys after the other. A query vector is one head of one row; those of
// a tile are the rows of three small matrix products, so no vector's arithmetic depends on another:
//
//	s = q·kᵀ       one chain over the head dimension
//	z = s*Scale    block maximum → running maximum → rescale → exp → sum in 16 lanes
//	o += p·v       the chain goes on over the keys, through the tile's o
//
// Keys that a vector does not see have p = 0; blocks of which no vector of a tile sees any are left
// out. Queries that follow each other and begin with the same spans, the answers to one prompt, share
// tiles: each block of the prompt's keys is read once for all of them, unless a window hides some of
// it from some of them.

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
// query in turn.
func (a *attention) walk(t attendTile, do func(keyBlock)) {
	pos := 0
	for _, s := range a.Queries[a.order[t.first]].Spans[:t.shared] {
		a.walkShared(t, s, pos, do)
		pos += int(s.Len)
	}
	at := 0
	for _, i := range a.order[t.first:t.last] {
		q, rows := &a.Queries[i], t.rows
		if t.last > t.first+1 {
			rows = int(q.Len)
		}
		first, pos := q.Keys()-int(q.Len)+t.row+1, pos // keys that the mask shows the first row
		for _, s := range q.Spans[t.shared:] {
			end := min(int(s.Len), first+rows-1-pos)
			for off := a.hiddenBlocks(first - pos); off < end; off += kernels.KeyBlock {
				a.visit(s, off, pos+off, first, rows, at, do)
			}
			pos += int(s.Len)
		}
		at += rows * a.headGroup
	}
}

// hiddenBlocks returns the keys of whole blocks that the window hides from rows that the mask shows
// seen keys or more of a span.
func (a *attention) hiddenBlocks(seen int) int {
	return max(0, seen-a.window) / kernels.KeyBlock * kernels.KeyBlock
}

// walkShared calls do for the blocks of a shared span, the first key of which is key pos of each
// query: once for all queries of the tile, if all their rows see all of the block, else for each.
func (a *attention) walkShared(t attendTile, s kernels.Span, pos int, do func(keyBlock)) {
	least, most := math.MaxInt, 0 // keys that the mask shows some row
	for _, i := range a.order[t.first:t.last] {
		q := &a.Queries[i]
		keys := q.Keys()
		least, most = min(least, keys-int(q.Len)+1), max(most, keys)
	}
	for off := a.hiddenBlocks(least - pos); off < int(s.Len); off += kernels.KeyBlock {
		if most-a.window <= pos+off {
			vectors, n := t.rows*a.headGroup, min(kernels.KeyBlock, int(s.Len)-off)
			do(keyBlock{row: int(s.Row) + off, n: n, q1: vectors, hidden: -vectors, seen: n})
			continue
		}
		at := 0
		for _, i := range a.order[t.first:t.last] {
			q := &a.Queries[i]
			a.visit(s, off, pos+off, q.Keys()-int(q.Len)+1, int(q.Len), at, do)
			at += int(q.Len) * a.headGroup
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

type attendCall struct {
	attention
	o, lse, q, k, v mat
}

// Attend computes softmax attention over the key spans of each query.
func (b *Backend) Attend(o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	kernels.CheckAttention("Attend", q, k, v, a)
	kernels.CheckShape("Attend", "o", o, q.Rows, q.Cols)
	if !lse.IsZero() {
		kernels.CheckShape("Attend", "lse", lse, q.Rows, a.Heads)
	}
	c := &b.calls.attend
	c.o, c.lse, c.q, c.k, c.v = view("Attend", o), view("Attend", lse), view("Attend", q), view("Attend", k),
		view("Attend", v)
	work := c.start(a)
	c.vectors = max(minVectors, min(q.Rows*a.Heads/(4*len(b.pool.workers))/tileRows*tileRows, maxVectors))
	c.cut(0, len(c.order))
	slices.Reverse(c.tiles) // the last rows of a prompt see the most keys: start with them
	b.pool.do(c, len(c.tiles)*a.KVHeads, work > parallelFlops/4)
	b.wrote(o)
	b.wrote(lse)
}

func (c *attendCall) task(w *worker, i int) {
	const B = kernels.KeyBlock
	t, kv, d := c.tiles[i/c.KVHeads], i%c.KVHeads, c.Dim
	vectors := t.rows * c.headGroup
	qs, o := w.take(vectors*d), w.take(vectors*d)
	z, kt := w.take(softmaxRows*B), w.take(d*B)
	state := w.take(3 * vectors) // of each vector the maximum, the sum and room for softmaxStep
	c.gather(w, qs, &c.q, t, kv, d)
	clear(o)
	for i := range vectors {
		state[3*i], state[3*i+1] = float32(math.Inf(-1)), 0
	}
	mark := w.used
	c.walk(t, func(b keyBlock) {
		w.used = mark
		packPanel(w, kt, B, &c.k, b.row, b.n, kv*d, kv*d+d)
		v, ld := values(w, &c.v, b, kv*d, d)
		for first := b.q0; first < b.q1; first += softmaxRows {
			end := min(first+softmaxRows, b.q1)
			k0, k1 := c.seenBy(&b, first, end)
			scores(w, z, qs[first*d:], kt, end-first, k0, k1, d)
			for i := first; i < end; {
				from, to, alike := c.visible(&b, i)
				alike = min(alike, end-i)
				row := z[(i-first)*B:]
				w.s.softmax(row[from:], o[i*d:], d, state[3*i:], alike, to-from, c.scale, c.v.half)
				blank(row, alike, k0, from)
				blank(row, alike, to, k1)
				i += alike
			}
			weigh(w, o[first*d:], z[k0:], v[k0*ld:], ld, end-first, k1-k0, d)
		}
	})
	for i := range vectors {
		w.s.divide(o[i*d:][:d], state[3*i+1])
		state[i] = logSum(state[3*i], state[3*i+1])
	}
	c.scatter(w, &c.o, o, t, kv, d)
	if !c.lse.none() {
		c.scatter(w, &c.lse, state, t, kv, 1)
	}
}

// softmax does one step of the online softmax (Milakov & Gimelshein 2018) for some rows of a block:
// n scores z of a row become p. The running maximum and sum in state, and the output o, whose d
// columns are still to be divided by the sum, are rescaled to the new maximum. half rounds p to bf16.
func (s isa) softmax(z, o []float32, d int, state []float32, rows, n int, scale float32, half bool) {
	const B = kernels.KeyBlock
	_, _, _ = z[:(rows-1)*B+n], o[:rows*d], state[:3*rows] // what assembly touches: out of range panics here
	if half {
		s.softmaxStepHalf(z, B, o, d, state, rows, n, scale)
	} else {
		s.softmaxStep(z, B, o, d, state, rows, n, scale)
	}
}

// blank clears columns [from, to) of rows rows of a block.
func blank(z []float32, rows, from, to int) {
	for r := 0; from < to && r < rows; r++ {
		clear(z[r*kernels.KeyBlock+from : r*kernels.KeyBlock+to])
	}
}

// scores computes columns [from, to) of z = q·kt, and some before them, for vectors query vectors of
// d columns: z is [vectors, to] in rows of KeyBlock, kt [d, to] in rows of KeyBlock.
func scores(w *worker, z, q, kt []float32, vectors, from, to, d int) {
	t := tile{k: d, ldc: kernels.KeyBlock, rs: d, ks: 1, ldb: kernels.KeyBlock}
	for j := from / panelCols * panelCols; j < to; j += panelCols {
		t.n = min(panelCols, to-j)
		w.s.product(&t, z[j:], q, kt[j:], nil, vectors)
	}
}

// weigh adds p·v to o: p is [vectors, n] in rows of KeyBlock, v [n, d] in rows of ldv, o [vectors,
// d].
func weigh(w *worker, o, p, v []float32, ldv, vectors, n, d int) {
	t := tile{k: n, ldc: d, rs: kernels.KeyBlock, ks: 1, ldb: ldv, resume: true}
	for j := 0; j < d; j += panelCols {
		t.n = min(panelCols, d-j)
		w.s.product(&t, o[j:], p, v[j:], nil, vectors)
	}
}

// values returns columns [col, col+d) of a block of rows of m in f32, and the distance of its rows.
func values(w *worker, m *mat, b keyBlock, col, d int) ([]float32, int) {
	if !m.half {
		return m.f[b.row*m.stride+col:], m.stride
	}
	v := w.take(b.n * d)
	w.s.load(v, d, m, b.row, b.n, col, d)
	return v, d
}

// logSum returns top + log(sum), rounded once from f64: half an ulp.
func logSum(top, sum float32) float32 { return float32(float64(top) + math.Log(float64(sum))) }
