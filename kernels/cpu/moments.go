package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// A moment is m or v of AdamW. Unless it is f32 it is computed in scratch, a run of
// tensor.MomentRun columns at a time, and rounded from there with noise.
type moment struct {
	mat            // of a coded matrix rows and cols alone
	words []uint32 // of M8 and V8, with their bases
	apart int      // words between rows
	typ   tensor.DType
	first int // row of the whole matrix at which this one begins
}

// momentOf resolves m, which holds second moments or first ones.
func momentOf(m tensor.Mat, second bool) moment {
	v := moment{typ: m.Type}
	coded := tensor.M8
	if second {
		coded = tensor.V8
	}
	if m.Type != coded {
		v.mat = view("AdamW", m)
		return v
	}
	v.mat = mat{rows: m.Rows, cols: m.Cols}
	v.words, v.apart = tensor.Elems[uint32](m.Words()), m.Stride/4
	return v
}

// exact reports whether nothing is rounded.
func (m *moment) exact() bool { return m.typ == tensor.F32 }

// slice returns rows [from, from+n).
func (m moment) slice(from, n int) moment {
	m.first += from
	if m.words != nil {
		m.rows, m.words = n, m.words[from*m.apart:]
	} else {
		m.mat = m.mat.slice(from, n)
	}
	return m
}

// run returns the codes and the base of columns [c0, c1), a run, of row i.
func (m *moment) run(i, c0, c1 int) (codes []uint32, base *uint32) {
	row, n := m.words[i*m.apart:][:m.apart], (c1-c0+3)/4
	all, _ := tensor.MomentWords(m.cols)
	return row[c0/4:][:n], &row[all+c0/tensor.MomentRun]
}

// noise returns what the run from column c0 on of row i is rounded with.
func (m *moment) noise(i, c0 int, seed uint64) (words []uint32, flip uint32) {
	return kernels.Noise(seed, m.first+i, c0/tensor.MomentRun)
}

// load returns columns [c0, c1) of row i as f32: the memory itself if it is f32, else a run in
// scratch.
func (m *moment) load(w *worker, i, c0, c1 int) []float32 {
	if m.words == nil {
		return m.row(w.s, i, c0, c1, w.take(c1-c0))
	}
	codes, base := m.run(i, c0, c1)
	n, b := len(codes), math.Float32frombits(*base)
	x := w.take(4 * n)
	if m.typ == tensor.M8 {
		w.s.unpackM(x[:n], x[n:], x[2*n:], x[3*n:], codes, b)
	} else {
		w.s.unpackV(x[:n], x[n:], x[2*n:], x[3*n:], codes, b)
	}
	return x[:c1-c0]
}

// save writes x, which load returned, back from column c0 of row i on, rounded.
func (m *moment) save(w *worker, i, c0 int, x []float32, seed uint64) {
	if m.exact() {
		m.store(w.s, i, c0, x)
		return
	}
	noise, flip := m.noise(i, c0, seed)
	if m.half {
		w.s.narrowNoisy(m.h[i*m.stride+c0:][:len(x)], x, noise, flip)
		return
	}
	codes, base := m.run(i, c0, c0+len(x))
	b := kernels.MomentBase(m.typ, w.s.maxAbs(x))
	*base = math.Float32bits(b)
	if !(b > 0) {
		clear(codes)
		return
	}
	n := len(codes)
	clear(x[len(x) : 4*n])
	x = x[:4*n]
	if m.typ == tensor.M8 {
		w.s.packM(codes, x[:n], x[n:], x[2*n:], x[3*n:], noise, b, flip)
	} else {
		w.s.packV(codes, x[:n], x[n:], x[2*n:], x[3*n:], noise, b, flip)
	}
}

// A readCall copies coded moments.
type readCall struct {
	dst mat
	src moment
}

func (c *readCall) task(w *worker, i int) {
	for c0 := 0; c0 < c.dst.cols; c0 += tensor.MomentRun {
		w.used = 0
		c.dst.put(w.s, i, c0, c.src.load(w, i, c0, min(c0+tensor.MomentRun, c.dst.cols)))
	}
}
