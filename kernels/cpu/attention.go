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
//	o += p·v       the chain goes on over the keys of a run, through the tile's o
//
// Where a run ends, its maximum, sum and o are merged into those of the runs before.
//
// Keys that a vector does not see have p = 0; blocks of which no vector of a tile sees any are left
// out. Queries that follow each other and begin with the same spans, the answers to one prompt, share
// tiles: each block of the prompt's keys is read once for all of them, unless a window hides some of
// it from some of them.

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
	qs, z, kt := w.take(vectors*d), w.take(softmaxRows*B), w.take(d*B)
	sums := takeRunSums(w, vectors, d, c.Window == 0)
	c.gather(w, qs, &c.q, t, kv, d)
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
				w.s.softmax(row[from:], sums.run.o[i*d:], d, sums.run.state[3*i:], alike, to-from, c.scale, c.v.half)
				blank(row, alike, k0, from)
				blank(row, alike, to, k1)
				i += alike
			}
			weigh(w, sums.run.o[first*d:], z[k0:], v[k0*ld:], ld, end-first, k1-k0, d)
		}
	}, func(q0, q1 int) { sums.end(w.s, q0, q1) })
	total := sums.finish(w.s)
	for i := range vectors {
		w.s.divide(total.o[i*d:][:d], total.state[3*i+1])
		total.state[i] = logSum(total.state[3*i], total.state[3*i+1])
	}
	c.scatter(w, &c.o, total.o, t, kv, d)
	if !c.lse.none() {
		c.scatter(w, &c.lse, total.state, t, kv, 1)
	}
}

// A softmaxSums is what query vectors have of some keys: o, d columns each, is Σ exp(z-top)*v, and
// state holds top, Σ exp(z-top), and room for softmaxStep. Of no keys they are -Inf and 0.
type softmaxSums struct{ o, state []float32 }

// reset makes s the sums of no keys, with zero for o.
func (s *softmaxSums) reset(zero float32) {
	s.o[0] = zero
	for n := 1; n < len(s.o); n *= 2 {
		copy(s.o[n:], s.o[:n])
	}
	for i := 0; i < len(s.state); i += 3 {
		s.state[i], s.state[i+1] = float32(math.Inf(-1)), 0
	}
}

// A runSums is the sums of query vectors over the keys of a run, and of the runs before.
type runSums struct {
	run, total softmaxSums
	vectors, d int
	all        bool // every vector sees some of its first run
	several    bool // a run has ended, so that total is in use
}

func takeRunSums(w *worker, vectors, d int, all bool) runSums {
	take := func() softmaxSums { return softmaxSums{w.take(vectors * d), w.take(3 * vectors)} }
	r := runSums{run: take(), total: take(), vectors: vectors, d: d, all: all}
	r.run.reset(0)
	return r
}

// end merges the run of vectors [q0, q1) into their total and starts another.
func (r *runSums) end(s isa, q0, q1 int) {
	if !r.several {
		r.several = true
		if r.all && q1-q0 == r.vectors {
			r.run, r.total = r.total, r.run
			r.run.reset(0)
			return
		}
		r.total.reset(float32(math.Copysign(0, -1))) // to which -0, too, can be added and stays
	}
	run, total, d := &r.run, &r.total, r.d
	s.mergeSums(total.o[q0*d:q1*d], run.o[q0*d:q1*d], d, total.state[3*q0:3*q1], run.state[3*q0:3*q1], q1-q0)
}

// finish returns the sums over all runs.
func (r *runSums) finish(s isa) *softmaxSums {
	if !r.several {
		return &r.run
	}
	r.end(s, 0, r.vectors)
	return &r.total
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
