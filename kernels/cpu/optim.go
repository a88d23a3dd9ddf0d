package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// squareRun is the number of elements of a row whose squares SumSquares adds up before it adds the
// sum to the rest.
const squareRun = 1 << 12

type squaresCall struct {
	m      mat
	perRow int // runs of a row
	sums   []float64
	tasks  int
}

// SumSquares returns Σ m[i][j]² in f64: runs of squareRun elements of a row in 16 lanes, run sums
// in order.
func (b *Backend) SumSquares(m tensor.Mat) float64 {
	if m.Len() == 0 {
		return 0
	}
	c := &b.calls.squares
	c.m = view("SumSquares", m)
	c.perRow = ceil(m.Cols, squareRun)
	n := m.Rows * c.perRow
	if cap(c.sums) < n {
		c.sums = make([]float64, n)
	}
	c.sums = c.sums[:n]
	c.tasks = min(n, 256)
	b.pool.do(c, c.tasks, m.Len() > 2*parallelWork)
	var sum float64
	for _, v := range c.sums {
		sum += v
	}
	return sum
}

func (c *squaresCall) task(w *worker, i int) {
	n := len(c.sums)
	buf := w.take(min(squareRun, c.m.cols))
	for k := i * n / c.tasks; k < (i+1)*n/c.tasks; k++ {
		c0 := k % c.perRow * squareRun
		c.sums[k] = w.s.sumSquares(c.m.row(w.s, k/c.perRow, c0, min(c0+squareRun, c.m.cols), buf))
	}
}

// An adamStep is kernels.AdamStep as the f32 factors of the inner loop. Assembly reads its fields
// by name.
type adamStep struct {
	beta1, beta2, one1, one2 float32 // β and 1-β
	grad                     float32 // scale of the gradient
	rate                     float32 // LR/(1-β₁ᵗ)
	root                     float32 // 1/sqrt(1-β₂ᵗ)
	eps, decay               float32 // ε; LR*WeightDecay
}

type adamwCall struct {
	w, master, grad mat
	m, v            moment
	s               adamStep
	seed            uint64
	same            bool  // the master is w
	chunk           int   // columns that are updated in one go
	perRow          int   // tasks of a row
	pack            *pack // of w, or nil
}

const (
	adamTaskCols  = 1 << 15 // elements of a task
	adamChunk     = 1 << 12 // and of those that are updated at a stretch, of f32
	panelRun      = 1 << 10 // columns that are updated in all rows of a panel before the panel is written:
	panelPart     = 1 << 7  // long enough for memory, and then so many at a time
	panelTaskCols = 1 << 12 // columns of a task
)

// A stretch is a run of moments that are rounded, or whole runs.
const _ = -uint(tensor.MomentRun%panelRun + panelRun%tensor.MomentRun +
	adamChunk%tensor.MomentRun + panelTaskCols%tensor.MomentRun)

// AdamW takes one optimizer step, in f32. The moments' biases are corrected in the factors: master
// -= LR/(1-β₁ᵗ) * m/(sqrt(v)/sqrt(1-β₂ᵗ)+ε) + LR*WeightDecay*master.
//
// Rows of w that have a pack in use are updated as many at a time as a panel has, some columns
// after others, and the panel is written from the new values while they are in cache.
func (b *Backend) AdamW(w, master, m, v, grad tensor.Mat, s kernels.AdamStep) {
	for _, o := range []tensor.Mat{master, m, v, grad} {
		kernels.CheckShape("AdamW", "operand", o, w.Rows, w.Cols)
	}
	c1, c2 := 1-math.Pow(s.Beta1, float64(s.Step)), 1-math.Pow(s.Beta2, float64(s.Step))
	whole := adamwCall{w: view("AdamW", w), master: view("AdamW", master), m: momentOf(m, false), v: momentOf(v, true),
		grad: view("AdamW", grad), seed: s.Seed, same: w == master, chunk: adamChunk,
		s: adamStep{beta1: float32(s.Beta1), beta2: float32(s.Beta2),
			one1: float32(1 - s.Beta1), one2: float32(1 - s.Beta2),
			grad: float32(s.GradScale), rate: float32(s.LR / c1), root: float32(1 / math.Sqrt(c2)),
			eps: float32(s.Eps), decay: float32(s.LR * s.WeightDecay)}}
	if !whole.m.exact() || !whole.v.exact() {
		whole.chunk = tensor.MomentRun
	}
	whole.w.streaming = w.Arena.Used() >= b.streamBytes // all of it is written before any of it is read
	list, row := b.refreshes(w), 0
	b.loaded(w)
	for _, r := range list {
		b.adamw(&whole, row, r.from, nil)
		b.adamw(&whole, r.from, r.to, r.pack)
		r.fresh, row = true, r.to
	}
	b.adamw(&whole, row, w.Rows, nil)
	if master != w {
		b.loaded(master)
	}
	b.loaded(m)
	b.loaded(v)
}

// adamw updates rows [from, to), and their pack if they have one.
func (b *Backend) adamw(whole *adamwCall, from, to int, p *pack) {
	if from >= to || whole.w.cols == 0 {
		return
	}
	c, n := &b.calls.adamw, to-from
	*c = *whole
	c.pack = p
	c.w, c.master, c.m, c.v, c.grad = c.w.slice(from, n), c.master.slice(from, n), c.m.slice(from, n),
		c.v.slice(from, n), c.grad.slice(from, n)
	parallel := n*c.w.cols > parallelWork/2
	if p != nil {
		c.perRow = ceil(c.w.cols, panelTaskCols)
		b.pool.do(c, ceil(n, panelCols)*c.perRow, parallel)
		return
	}
	if c.m.exact() && c.v.exact() && c.w.contiguous() && c.master.contiguous() && c.m.contiguous() &&
		c.v.contiguous() && c.grad.contiguous() {
		c.w, c.master, c.m.mat, c.v.mat, c.grad = c.w.flat(), c.master.flat(), c.m.flat(), c.v.flat(), c.grad.flat()
	}
	c.perRow = ceil(c.w.cols, adamTaskCols)
	b.pool.do(c, c.w.rows*c.perRow, parallel)
}

func (c *adamwCall) task(w *worker, i int) {
	if c.pack != nil {
		c.panel(w, i/c.perRow, i%c.perRow*panelTaskCols)
		return
	}
	c0 := i % c.perRow * adamTaskCols
	for end := min(c0+adamTaskCols, c.w.cols); c0 < end; c0 += c.chunk {
		w.used = 0
		c.row(w, i/c.perRow, c0, min(c0+c.chunk, end))
	}
}

// row updates columns [c0, c1) of row r.
func (c *adamwCall) row(w *worker, r, c0, c1 int) {
	n := c1 - c0
	p := c.master.row(w.s, r, c0, c1, w.take(n))
	g := c.grad.row(w.s, r, c0, c1, w.take(n))
	if c.m.half && c.v.half {
		mnoise, mflip := c.m.noise(r, c0, c.seed)
		vnoise, vflip := c.v.noise(r, c0, c.seed+1)
		w.s.adamwNoisy(p, c.m.h[r*c.m.stride+c0:], c.v.h[r*c.v.stride+c0:], g, mnoise, vnoise, mflip, vflip, &c.s)
	} else {
		m, v := c.m.load(w, r, c0, c1), c.v.load(w, r, c0, c1)
		w.s.adamw(p, m, v, g, &c.s)
		c.m.save(w, r, c0, m, c.seed)
		c.v.save(w, r, c0, v, c.seed+1)
	}
	c.master.store(w.s, r, c0, p)
	if !c.same && c.w.half {
		c.w.round(w.s, r, c0, p, w.take(n))
	} else if !c.same {
		c.w.put(w.s, r, c0, p)
	}
}

// panel updates the rows of panel j, from column c0 on, and writes the panel. It is made from the
// master, which is nearer than w if that is bf16 and rounds to the same.
func (c *adamwCall) panel(w *worker, j, c0 int) {
	k, r0 := c.w.cols, j*panelCols
	rows := min(panelCols, c.w.rows-r0)
	from := &c.master
	if from.half {
		from = &c.w
	}
	mark := w.used
	for end := min(c0+panelTaskCols, k); c0 < end; {
		c1 := min(c0+panelRun, end)
		for r := r0; r < r0+rows; r++ {
			w.used = mark
			c.row(w, r, c0, c1)
		}
		for ; c0 < c1; c0 += panelPart {
			w.used = mark
			part := min(panelPart, c1-c0)
			panel := w.take(part * panelCols)
			if rows <= panelCols/2 {
				clear(panel)
			}
			packPanel(w, panel, panelCols, from, r0, rows, c0, c0+part)
			c.pack.put(w, j, c0, part, k, panel, c.w.streaming)
		}
	}
}
