package cpu

import (
	"math"
	"slices"

	"spell/kernels"
	"spell/tensor"
)

// Attention works on tiles: a few query rows times all the query heads that share one key-value
// head, against one block of keys after the other. The pairs (row, head) of a tile are the rows
// of three small matrix products, so no row's arithmetic depends on the others:
//
//	s = q·kᵀ       one chain over the head dimension
//	z = s*Scale    block maximum → running maximum → rescale → exp → sum in 16 lanes
//	o += p·v       the chain goes on over the keys, through the tile's o
//
// Keys that a row does not see have p = 0.

// tilePairs is the number of (row, head) pairs of a tile, as far as whole rows give it.
const tilePairs = 60

// An attendTile is rows [row, row+n) of a query run.
type attendTile struct{ query, row, n int }

// tiles appends the tiles of query q to list.
func tiles(list []attendTile, a *kernels.Attention, q int) []attendTile {
	step := max(1, tilePairs*a.KVHeads/a.Heads)
	for r, n := 0, int(a.Queries[q].Len); r < n; r += step {
		list = append(list, attendTile{q, r, min(step, n-r)})
	}
	return list
}

// A keyBlock is up to KeyBlock rows of k and v, the keys [pos, pos+n) of a query run.
type keyBlock struct{ row, n, pos int }

// blocks calls do for the key blocks of q that hold any of its first seen keys.
func blocks(q *kernels.Query, seen int, do func(keyBlock)) {
	pos := 0
	for _, s := range q.Spans {
		for off := 0; off < int(s.Len) && pos < seen; off += kernels.KeyBlock {
			n := min(kernels.KeyBlock, int(s.Len)-off)
			do(keyBlock{int(s.Row) + off, min(n, seen-pos), pos})
			pos += n
		}
	}
}

type attendCall struct {
	o, lse, q, k, v mat
	a               *kernels.Attention
	group           int // query heads a key-value head
	scale           float32
	tiles           []attendTile
}

// Attend is softmax attention over the key spans of each query.
func (b *Backend) Attend(o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	kernels.CheckAttention("Attend", q, k, v, a)
	kernels.CheckShape("Attend", "o", o, q.Rows, q.Cols)
	if !lse.IsZero() {
		kernels.CheckShape("Attend", "lse", lse, q.Rows, a.Heads)
	}
	c := &b.calls.attend
	*c = attendCall{o: view("Attend", o), lse: view("Attend", lse), q: view("Attend", q), k: view("Attend", k), v: view("Attend", v),
		a: a, group: a.Heads / a.KVHeads, scale: float32(a.Scale), tiles: c.tiles[:0]}
	work := 0
	for i, q := range a.Queries {
		c.tiles = tiles(c.tiles, a, i)
		work += int(q.Len) * q.Keys()
	}
	slices.Reverse(c.tiles) // the last rows of a prompt see the most keys: start with them
	b.pool.do(c, len(c.tiles)*a.KVHeads, work*q.Cols > wideFlops/4)
	b.wrote(o)
	b.wrote(lse)
}

func (c *attendCall) task(w *worker, i int) {
	const B = kernels.KeyBlock
	t, kv := c.tiles[i/c.a.KVHeads], i%c.a.KVHeads
	q, d := &c.a.Queries[t.query], c.a.Dim
	pairs := t.n * c.group
	qs, o := w.take(pairs*d), w.take(pairs*d)
	z, kt := w.take(pairs*B), w.take(d*B)
	top, sum := w.take(pairs), w.take(pairs)
	c.gather(w, qs, &c.q, t, kv)
	clear(o)
	clear(sum)
	for r := range pairs {
		top[r] = float32(math.Inf(-1))
	}
	first := q.Keys() - int(q.Len) + t.row + 1 // keys that the tile's first row sees
	mark := w.top
	blocks(q, first+t.n-1, func(b keyBlock) {
		w.top = mark
		packPanel(w, kt, B, &c.k, b.row, b.n, kv*d, kv*d+d)
		scores(w, z, qs, kt, pairs, b.n, d)
		for r := range pairs {
			row := z[r*B:][:b.n]
			seen := min(first+r/c.group-b.pos, b.n)
			if seen <= 0 {
				clear(row)
				continue
			}
			c.softmax(w, row[:seen], o[r*d:][:d], &top[r], &sum[r])
			clear(row[seen:])
		}
		v, ld := values(w, &c.v, b, kv*d, d)
		weigh(w, o, z, v, ld, pairs, b.n, d)
	})
	for r := range pairs {
		row, head := int(q.Row)+t.row+r/c.group, kv*c.group+r%c.group
		or := o[r*d:][:d]
		for j := range or {
			or[j] /= sum[r]
		}
		c.o.put(w.s, row, head*d, or)
		if !c.lse.none() {
			lse := [1]float32{logSum(top[r], sum[r])}
			c.lse.put(w.s, row, head, lse[:])
		}
	}
}

// softmax turns the scores of one block into p, rounded to the type of v, and carries the row's
// running maximum, sum and output along.
func (c *attendCall) softmax(w *worker, z, o []float32, top, sum *float32) {
	w.s.scale(z, c.scale)
	m := max(*top, w.s.max(z))
	if m != *top {
		f := expf(*top - m)
		*sum *= f
		w.s.scale(o, f)
		*top = m
	}
	*sum += w.s.expSum(z, z, m)
	if c.v.half {
		w.s.round(z)
	}
}

// gather copies the rows of a tile's pairs, (row, head) in that order, out of m.
func (c *attendCall) gather(w *worker, dst []float32, m *mat, t attendTile, kv int) {
	gather(w, dst, m, int(c.a.Queries[t.query].Row)+t.row, t.n, kv*c.group*c.a.Dim, c.group*c.a.Dim)
}

func gather(w *worker, dst []float32, m *mat, row, n, col, cols int) {
	for i := range n {
		m.get(w.s, dst[i*cols:][:cols], row+i, col)
	}
}

// scores is z = q·kt, [pairs, n] at distance KeyBlock.
func scores(w *worker, z, q, kt []float32, pairs, n, d int) {
	t := tile{k: d, ldc: kernels.KeyBlock, rs: d, ks: 1, ldb: kernels.KeyBlock}
	for j := 0; j < n; j += panelCols {
		t.n = min(panelCols, n-j)
		w.s.product(&t, z[j:], q, kt[j:], nil, pairs)
	}
}

// weigh is o += p·v for n keys.
func weigh(w *worker, o, p, v []float32, ldv, pairs, n, d int) {
	t := tile{k: n, ldc: d, rs: kernels.KeyBlock, ks: 1, ldb: ldv, resume: true}
	for j := 0; j < d; j += panelCols {
		t.n = min(panelCols, d-j)
		w.s.product(&t, o[j:], p, v[j:], nil, pairs)
	}
}

// values is d columns of a block of rows of m, and their distance.
func values(w *worker, m *mat, b keyBlock, col, d int) ([]float32, int) {
	if !m.half {
		return m.f[b.row*m.stride+col:], m.stride
	}
	v := w.take(b.n * d)
	gather(w, v, m, b.row, b.n, col, d)
	return v, d
}

// logSum is top + log(sum).
func logSum(top, sum float32) float32 { return float32(float64(top) + math.Log(float64(sum))) }
