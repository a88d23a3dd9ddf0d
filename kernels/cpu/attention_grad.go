package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

// The gradient of attention runs one task for every key-value head of every group of queries
// that share keys, since dk and dv of a key are sums over all of them. A task walks the query
// tiles in order and for each the key blocks in order, with five products a block:
//
//	s = q·kᵀ    dp = do·vᵀ    p = exp(s*Scale - lse)    ds = p*(dp-D)*Scale
//	dv += pᵀ·do    dk += dsᵀ·q    dq += ds·k
//
// The chains of dk and dv start from the stored values and run over rows, then heads.

type attendGradCall struct {
	attention
	dq, dk, dv, do, o, lse, q, k, v mat

	components components
	starts     []int32      // first tile of each component, and the end
	inF32      [2][]float32 // copies of dk and dv, if they are bf16
}

// AttendGrad computes the gradient of Attend: it sets dq and adds to dk and dv.
func (b *Backend) AttendGrad(dq, dk, dv, do, o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	const op = "AttendGrad"
	kernels.CheckAttention(op, q, k, v, a)
	kernels.CheckShape(op, "dq", dq, q.Rows, q.Cols)
	kernels.CheckShape(op, "do", do, q.Rows, q.Cols)
	kernels.CheckShape(op, "o", o, q.Rows, q.Cols)
	kernels.CheckShape(op, "dk", dk, k.Rows, k.Cols)
	kernels.CheckShape(op, "dv", dv, k.Rows, k.Cols)
	kernels.CheckShape(op, "lse", lse, q.Rows, a.Heads)
	c := &b.calls.attendGrad
	c.dq, c.dk, c.dv, c.do, c.o, c.lse = view(op, dq), view(op, dk), view(op, dv), view(op, do), view(op, o),
		view(op, lse)
	c.q, c.k, c.v = view(op, q), view(op, k), view(op, v)
	stored := [2]mat{c.dk, c.dv}
	for i, m := range [2]*mat{&c.dk, &c.dv} {
		if m.half {
			*m = widened(b.isa, m, &c.inF32[i])
		}
	}
	work := c.start(a)
	c.components.find(a, k.Rows)
	c.order, c.starts = c.order[:0], c.starts[:0]
	for _, q := range c.components.first {
		c.starts = append(c.starts, int32(len(c.tiles)))
		from := len(c.order)
		for ; q >= 0; q = c.components.next[q] {
			c.order = append(c.order, q)
		}
		c.cut(from, len(c.order))
	}
	c.starts = append(c.starts, int32(len(c.tiles)))
	b.pool.do(c, len(c.components.first)*a.KVHeads, work > parallelFlops/8)
	for i, m := range [2]*mat{&c.dk, &c.dv} {
		for r := 0; stored[i].half && r < m.rows; r++ {
			stored[i].put(b.isa, r, 0, m.f[r*m.stride:][:m.cols])
		}
	}
	b.wrote(dq)
	b.wrote(dk)
	b.wrote(dv)
}

// widened returns an f32 copy of m in buf.
func widened(s isa, m *mat, buf *[]float32) mat {
	*buf = grow(*buf, m.rows*m.cols)
	f := mat{f: *buf, rows: m.rows, cols: m.cols, stride: m.cols}
	for r := range m.rows {
		m.get(s, f.f[r*f.stride:][:m.cols], r, 0)
	}
	return f
}

// components are the connected components of queries that share keys, as linked lists.
type components struct {
	first, last []int32 // query of a component, in the order of first queries
	next        []int32 // query after query, -1 at the end
	owner       []int32 // of a key row: some query of its component
	parent      []int32 // union-find over queries, roots the lowest of their component
	id          []int32 // of a root: its component
}

// find collects the components of a's queries, which read rows key rows.
func (g *components) find(a *kernels.Attention, rows int) {
	n := len(a.Queries)
	g.owner = fill(g.owner, rows, -1)
	g.parent, g.next, g.id = fill(g.parent, n, 0), fill(g.next, n, -1), fill(g.id, n, -1)
	for i := range a.Queries {
		g.parent[i] = int32(i)
		for _, s := range a.Queries[i].Spans {
			for r := s.Row; r < s.Row+s.Len; r++ {
				if g.owner[r] >= 0 {
					g.join(g.owner[r], int32(i))
				}
				g.owner[r] = int32(i)
			}
		}
	}
	g.first, g.last = g.first[:0], g.last[:0]
	for i := range int32(n) {
		if a.Queries[i].Len == 0 {
			continue
		}
		r := g.root(i)
		if g.id[r] < 0 {
			g.id[r] = int32(len(g.first))
			g.first, g.last = append(g.first, i), append(g.last, i)
			continue
		}
		l := &g.last[g.id[r]]
		g.next[*l], *l = i, i
	}
}

// root returns the root of query i, and shortens the way to it.
func (g *components) root(i int32) int32 {
	for g.parent[i] != i {
		g.parent[i] = g.parent[g.parent[i]]
		i = g.parent[i]
	}
	return i
}

// join unites the components of queries i and j.
func (g *components) join(i, j int32) {
	if i, j = g.root(i), g.root(j); i != j {
		g.parent[max(i, j)] = min(i, j)
	}
}

// fill returns s with n elements v, reusing its memory.
func fill(s []int32, n int, v int32) []int32 {
	if cap(s) < n {
		s = make([]int32, n)
	}
	s = s[:n]
	for i := range s {
		s[i] = v
	}
	return s
}

func (c *attendGradCall) task(w *worker, i int) {
	g, kv := i/c.KVHeads, i%c.KVHeads
	for _, t := range c.tiles[c.starts[g]:c.starts[g+1]] {
		w.used = 0
		c.tile(w, t, kv)
	}
}

// tile adds what the vectors of one query tile give to dk and dv, and sets their dq.
func (c *attendGradCall) tile(w *worker, t attendTile, kv int) {
	const B = kernels.KeyBlock
	d, vectors := c.Dim, t.rows*c.headGroup
	q, do, dq := w.take(vectors*d), w.take(vectors*d), w.take(vectors*d)
	p, ds, kt, vt := w.take(vectors*B), w.take(vectors*B), w.take(d*B), w.take(d*B)
	lse, delta := w.take(vectors), w.take(vectors)
	c.gather(w, dq, &c.o, t, kv, d) // o, until delta is known
	c.gather(w, q, &c.q, t, kv, d)
	c.gather(w, do, &c.do, t, kv, d)
	c.gather(w, lse, &c.lse, t, kv, 1)
	for r := range vectors {
		delta[r] = w.s.dot(do[r*d:][:d], dq[r*d:][:d])
	}
	clear(dq)
	mark := w.used
	c.walk(t, func(b keyBlock) {
		w.used = mark
		packPanel(w, kt, B, &c.k, b.row, b.n, kv*d, kv*d+d)
		packPanel(w, vt, B, &c.v, b.row, b.n, kv*d, kv*d+d)
		k, ld := values(w, &c.k, b, kv*d, d)
		for first := b.q0; first < b.q1; first += softmaxRows {
			end := min(first+softmaxRows, b.q1)
			k0, k1 := c.seenBy(&b, first, end)
			scores(w, p[first*B:], q[first*d:], kt, end-first, k0, k1, d)
			scores(w, ds[first*B:], do[first*d:], vt, end-first, k0, k1, d)
			for r := first; r < end; {
				from, to, alike := c.visible(&b, r)
				alike = min(alike, end-r)
				for _, m := range [...][]float32{p[r*B:], ds[r*B:]} {
					blank(m, alike, 0, from)
					blank(m, alike, to, b.n)
				}
				w.s.softmaxGrad(p[r*B+from:], ds[r*B+from:], lse[r:], delta[r:], alike, to-from, c.scale,
					c.do.half, c.k.half)
				r += alike
			}
			weigh(w, dq[first*d:], ds[first*B+k0:], k[k0*ld:], ld, end-first, k1-k0, d)
		}
		c.spread(w, &c.dv, b, kv*d, d, p, do)
		c.spread(w, &c.dk, b, kv*d, d, ds, q)
	}, func(int, int) {})
	c.scatter(w, &c.dq, dq, t, kv, d)
}

// softmaxGrad does the step of softmax backwards for some rows of a block: n scores p of a row become
// exp(p*scale-lse), and as many ds p*(ds-delta)*scale. halfP and halfDs round them to bf16.
func (s isa) softmaxGrad(p, ds, lse, delta []float32, rows, n int, scale float32, halfP, halfDs bool) {
	const B = kernels.KeyBlock
	last := (rows-1)*B + n
	_, _, _, _ = p[:last], ds[:last], lse[:rows], delta[:rows] // what assembly touches: out of range panics here
	if halfP && halfDs {
		s.scoreGradHalf(p, ds, B, lse, delta, rows, n, scale)
		return
	}
	s.scoreGrad(p, ds, B, lse, delta, rows, n, scale)
	if halfP {
		s.round(p[:last])
	}
	if halfDs {
		s.round(ds[:last])
	}
}

// spread adds pᵀ·x to the rows of key block b of dst, d columns from col: p is [vectors, KeyBlock],
// x [vectors, d]. It takes some keys at a time, so as to leave out the first vectors, which see
// none of them yet, and the last, which see none of them any more.
func (a *attention) spread(w *worker, dst *mat, b keyBlock, col, d int, p, x []float32) {
	const keys = 2 * tileRows
	t := tile{ldc: dst.stride, rs: 1, ks: kernels.KeyBlock, ldb: d, resume: true}
	for r := max(0, b.hidden); r < b.n; r += keys {
		n := min(keys, b.n-r)
		first, end := b.q0+max(0, r+1-b.seen)*a.headGroup, b.q1
		if rows := r + n - b.hidden; rows < (b.q1-b.q0)/a.headGroup {
			end = b.q0 + rows*a.headGroup
		}
		if t.k = end - first; t.k <= 0 {
			continue
		}
		for j := 0; j < d; j += panelCols {
			t.n = min(panelCols, d-j)
			w.s.product(&t, dst.f[(b.row+r)*dst.stride+col+j:], p[first*kernels.KeyBlock+r:], x[first*d+j:], nil, n)
		}
	}
}
