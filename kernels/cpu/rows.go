package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// Operations on rows: each task takes a run of rows, or a run of columns where rows are summed.

// rowsPerTask returns how many rows of cols columns make a task worth claiming.
func rowsPerTask(cols int) int { return max(1, (1<<15)/max(cols, 1)) }

// colsPerTask is the least width of a task that walks all rows of a few columns.
const colsPerTask = 128

// A moveCall copies or clears rows: dst[to[i]] = src[from[i]], an absent index being i itself.
type moveCall struct {
	dst, src mat
	from, to []int32
	rows     int // of a task
	n        int
}

func (c *moveCall) task(w *worker, i int) {
	buf := w.take(stageCols)
	zero := c.src.none()
	if zero {
		clear(buf)
	}
	for r := i * c.rows; r < min((i+1)*c.rows, c.n); r++ {
		d, s := r, r
		if c.to != nil {
			d = int(c.to[r])
		}
		if c.from != nil {
			s = int(c.from[r])
		}
		for c0 := 0; c0 < c.dst.cols; c0 += stageCols {
			c1 := min(c0+stageCols, c.dst.cols)
			src := buf[:c1-c0]
			if !zero {
				src = c.src.row(w.s, s, c0, c1, buf)
			}
			switch {
			case zero && !c.dst.streaming && !c.dst.half:
				clear(c.dst.out(d, c0, c1, nil))
			case c.dst.half:
				c.dst.round(w.s, d, c0, src, buf[:c1-c0])
			default:
				c.dst.put(w.s, d, c0, src)
			}
		}
	}
}

func (b *Backend) move(c moveCall) {
	if c.n == 0 || c.dst.cols == 0 {
		return
	}
	if c.src.none() || c.src.half == c.dst.half {
		if d, s := c.dst.words(), c.src.words(); d.cols == s.cols || c.src.none() {
			c.dst, c.src = d, s
		}
	}
	c.rows = rowsPerTask(c.dst.cols)
	m := &b.calls.move
	*m = c
	b.pool.do(m, ceil(c.n, c.rows), c.n*c.dst.cols > 8*parallelWork)
}

// Zero sets dst[i][j] = 0.
func (b *Backend) Zero(dst tensor.Mat) {
	d := b.streamingView("Zero", dst)
	b.move(moveCall{dst: d, n: d.rows})
	b.loaded(dst)
}

// Copy sets dst[i][j] = src[i][j], rounded to dst.Type.
func (b *Backend) Copy(dst, src tensor.Mat) {
	kernels.CheckShape("Copy", "src", src, dst.Rows, dst.Cols)
	d := b.streamingView("Copy", dst, src)
	if src.Type == tensor.M8 || src.Type == tensor.V8 {
		c := &b.calls.read
		*c = readCall{d, momentOf(src, src.Type == tensor.V8)}
		b.pool.do(c, d.rows, src.Len() > parallelWork)
		b.loaded(dst)
		return
	}
	b.move(moveCall{dst: d, src: weights("Copy", src), n: d.rows})
	b.loaded(dst)
}

// Gather sets y[i] = table[rows[i]].
func (b *Backend) Gather(y, table tensor.Mat, rows []int32) {
	kernels.CheckShape("Gather", "y", y, len(rows), table.Cols)
	kernels.CheckRows("Gather", rows, table.Rows)
	b.move(moveCall{dst: b.streamingView("Gather", y, y), src: weights("Gather", table), from: rows, n: len(rows)})
	b.wrote(y)
}

// Scatter sets table[rows[i]] = y[i], rounded to table.Type.
func (b *Backend) Scatter(table, y tensor.Mat, rows []int32) {
	kernels.CheckShape("Scatter", "y", y, len(rows), table.Cols)
	kernels.CheckRows("Scatter", rows, table.Rows)
	b.move(moveCall{dst: view("Scatter", table), src: view("Scatter", y), to: rows, n: len(rows)})
	b.wrote(table)
}

// A scatterCall adds rows of src to rows of dst. A task takes the rows whose number in dst leaves
// its own as the remainder, in order, or, if all go to row 0, a run of columns.
type scatterCall struct {
	dst, src    mat
	rows        []int32 // nil: all to row 0
	cols, tasks int
}

func (c *scatterCall) task(w *worker, i int) {
	if c.rows == nil {
		c0 := i * c.cols
		c1 := min(c0+c.cols, c.dst.cols)
		dbuf, sbuf := w.take(c1-c0), w.take(c1-c0)
		d := c.dst.row(w.s, 0, c0, c1, dbuf)
		for r := range c.src.rows {
			w.s.add(d, d, c.src.row(w.s, r, c0, c1, sbuf))
		}
		c.dst.store(w.s, 0, c0, d)
		return
	}
	n := c.dst.cols
	dbuf, sbuf := w.take(n), w.take(n)
	for r, to := range c.rows {
		if int(to)%c.tasks == i {
			d := c.dst.row(w.s, int(to), 0, n, dbuf)
			w.s.add(d, d, c.src.row(w.s, r, 0, n, sbuf))
			c.dst.store(w.s, int(to), 0, d)
		}
	}
}

func (b *Backend) scatter(c scatterCall) {
	if c.src.rows == 0 || c.dst.cols == 0 {
		return
	}
	parallel := c.src.rows*c.dst.cols > 4*parallelWork
	c.cols, c.tasks = c.dst.cols, 1
	if workers := len(b.pool.workers); parallel && workers > 1 {
		c.tasks = 4 * workers
		c.cols = max(colsPerTask, ceil(ceil(c.dst.cols, c.tasks), 16)*16)
	}
	if c.rows == nil {
		c.tasks = ceil(c.dst.cols, c.cols)
	}
	s := &b.calls.scatter
	*s = c
	b.pool.do(s, c.tasks, parallel)
}

// ScatterAdd adds, for i in order, dtable[rows[i]] += dy[i].
func (b *Backend) ScatterAdd(dtable, dy tensor.Mat, rows []int32) {
	kernels.CheckShape("ScatterAdd", "dy", dy, len(rows), dtable.Cols)
	kernels.CheckRows("ScatterAdd", rows, dtable.Rows)
	if len(rows) > 0 {
		b.scatter(scatterCall{dst: view("ScatterAdd", dtable), src: view("ScatterAdd", dy), rows: rows})
	}
	b.wrote(dtable)
}

// columnSums adds db[o] += Σᵢ dy[i][o], rows in order onto the stored value.
func (b *Backend) columnSums(db, dy tensor.Mat) {
	b.scatter(scatterCall{dst: view("MatMulGradW", db), src: view("MatMulGradW", dy)})
}

// RopeTable fills cs with cosines and sines, computed in f64.
func (b *Backend) RopeTable(cs tensor.Mat, pos []int32, r kernels.Rotary) {
	kernels.CheckShape("RopeTable", "cs", cs, len(pos), r.Dim)
	kernels.Check("RopeTable", len(r.InvFreq) == r.Dim/2, "%d frequencies for heads of %d", len(r.InvFreq), r.Dim)
	c := view("RopeTable", cs)
	row := make([]float32, r.Dim)
	for i, p := range pos {
		for j, f := range r.InvFreq {
			sin, cos := math.Sincos(float64(p) * f)
			row[j], row[j+r.Dim/2] = float32(cos*r.Scale), float32(sin*r.Scale)
		}
		c.put(b.isa, i, 0, row)
	}
	b.wrote(cs)
}

type ropeCall struct {
	y, x, cs mat
	sign     float32 // of the sines: -1 rotates back
	rows     int
}

// Rope rotates every head of every row by the angles of its row of cs.
func (b *Backend) Rope(y, x, cs tensor.Mat, inverse bool) {
	kernels.CheckShape("Rope", "y", y, x.Rows, x.Cols)
	if cs.Rows != x.Rows || cs.Cols <= 0 || cs.Cols%2 != 0 || x.Cols%cs.Cols != 0 {
		kernels.Check("Rope", false, "table %v for %v", cs, x) // boxes its arguments
	}
	c := &b.calls.rope
	*c = ropeCall{y: view("Rope", y), x: view("Rope", x), cs: view("Rope", cs), sign: 1, rows: rowsPerTask(x.Cols)}
	if y.Arena != x.Arena || y.Off != x.Off {
		c.y = b.streamingView("Rope", y, x)
	}
	if inverse {
		c.sign = -1
	}
	b.pool.do(c, ceil(x.Rows, c.rows), x.Len() > 2*parallelWork)
	b.wrote(y)
}

func (c *ropeCall) task(w *worker, i int) {
	n, d := c.x.cols, c.cs.cols
	run := max(stageCols/d, 1) * d
	xb, yb, cb := w.take(run), w.take(run), w.take(d)
	for r := i * c.rows; r < min((i+1)*c.rows, c.x.rows); r++ {
		cs := c.cs.row(w.s, r, 0, d, cb)
		for c0 := 0; c0 < n; c0 += run {
			c1 := min(c0+run, n)
			x, y := c.x.row(w.s, r, c0, c1, xb), c.y.out(r, c0, c1, yb)
			w.s.rotate(y, x, cs, c.sign)
			c.y.store(w.s, r, c0, y)
		}
	}
}

type swigluCall struct {
	y, dgate, dup, dy, gate, up mat // y alone, or dgate, dup and dy
	rows                        int
}

// SwiGLU sets y = gate/(1+exp(-gate)) * up.
func (b *Backend) SwiGLU(y, gate, up tensor.Mat) {
	kernels.CheckShape("SwiGLU", "y", y, gate.Rows, gate.Cols)
	kernels.CheckShape("SwiGLU", "up", up, gate.Rows, gate.Cols)
	c := &b.calls.swiglu
	*c = swigluCall{y: b.streamingView("SwiGLU", y, gate, up), gate: view("SwiGLU", gate), up: view("SwiGLU", up),
		rows: rowsPerTask(gate.Cols)}
	b.pool.do(c, ceil(gate.Rows, c.rows), gate.Len() > parallelWork)
	b.wrote(y)
}

// SwiGLUGrad computes the gradient of SwiGLU.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up tensor.Mat) {
	for _, m := range []tensor.Mat{dgate, dup, dy, up} {
		kernels.CheckShape("SwiGLUGrad", "operand", m, gate.Rows, gate.Cols)
	}
	c := &b.calls.swiglu
	*c = swigluCall{dgate: b.streamingView("SwiGLUGrad", dgate, dup, dy, gate, up),
		dup: b.streamingView("SwiGLUGrad", dup, dgate, dy, gate, up), dy: view("SwiGLUGrad", dy),
		gate: view("SwiGLUGrad", gate), up: view("SwiGLUGrad", up), rows: rowsPerTask(gate.Cols)}
	b.pool.do(c, ceil(gate.Rows, c.rows), gate.Len() > parallelWork)
	b.wrote(dgate)
	b.wrote(dup)
}

func (c *swigluCall) task(w *worker, i int) {
	n, run := c.gate.cols, min(stageCols, c.gate.cols)
	gb, ub, yb, tb, sb := w.take(run), w.take(run), w.take(run), w.take(run), w.take(run)
	for r := i * c.rows; r < min((i+1)*c.rows, c.gate.rows); r++ {
		for c0 := 0; c0 < n; c0 += run {
			c1 := min(c0+run, n)
			g, u := c.gate.row(w.s, r, c0, c1, gb), c.up.row(w.s, r, c0, c1, ub)
			if c.dy.rows == 0 {
				y := c.y.out(r, c0, c1, yb)
				w.s.swiglu(y, g, u)
				c.y.store(w.s, r, c0, y)
				continue
			}
			dy := c.dy.row(w.s, r, c0, c1, yb)
			dg, du := c.dgate.out(r, c0, c1, tb), c.dup.out(r, c0, c1, sb)
			w.s.swigluGrad(dg, du, dy, g, u)
			c.dgate.store(w.s, r, c0, dg)
			c.dup.store(w.s, r, c0, du)
		}
	}
}
