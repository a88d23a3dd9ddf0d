package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

type normCall struct {
	y, x, w mat
	eps     float64
	rows    int
}

// RMSNorm is y[i] = x[i] * w / sqrt(mean(x[i]²) + eps): the squares are summed in 16 lanes, the
// rest is one true square root, one true division and two products.
func (b *Backend) RMSNorm(y, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNorm", "y", y, x.Rows, x.Cols)
	kernels.CheckShape("RMSNorm", "w", w, 1, x.Cols)
	c := &b.calls.norm
	*c = normCall{y: view("RMSNorm", y), x: view("RMSNorm", x), w: view("RMSNorm", w), eps: eps, rows: rowsATask(x.Cols)}
	b.pool.do(c, ceil(x.Rows, c.rows), x.Len() > 2*wideWork)
	b.wrote(y)
}

func (c *normCall) task(w *worker, i int) {
	n := c.x.cols
	xb, yb, wb := w.take(n), w.take(n), w.take(n)
	weight := c.w.row(w.s, 0, 0, n, wb)
	for r := i * c.rows; r < min((i+1)*c.rows, c.x.rows); r++ {
		x, y := c.x.row(w.s, r, 0, n, xb), c.y.out(r, 0, n, yb)
		w.s.scaleMul(y, x, weight, rstd(w.s, x, c.eps))
		c.y.store(w.s, r, 0, y)
	}
}

// rstd is 1/sqrt(mean(x²)+eps).
func rstd(s isa, x []float32, eps float64) float32 {
	mean := s.dot(x, x) / float32(len(x))
	return 1 / float32(math.Sqrt(float64(mean+float32(eps))))
}

// normGradCall runs twice: over runs of rows for dx, leaving r of every row in scale, and over
// runs of columns for dw.
type normGradCall struct {
	dx, dw, dy, x, w mat
	scale            []float32
	eps              float64
	rows, cols       int
	weights          bool // the second run
}

// RMSNormGrad adds the gradients of RMSNorm to dx and dw; dw row after row.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNormGrad", "dx", dx, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "dy", dy, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "w", w, 1, x.Cols)
	kernels.CheckShape("RMSNormGrad", "dw", dw, 1, x.Cols)
	b.calls.rowScratch = grow(b.calls.rowScratch, x.Rows)
	c := &b.calls.normGrad
	*c = normGradCall{dx: view("RMSNormGrad", dx), dw: view("RMSNormGrad", dw), dy: view("RMSNormGrad", dy),
		x: view("RMSNormGrad", x), w: view("RMSNormGrad", w), scale: b.calls.rowScratch, eps: eps, rows: rowsATask(x.Cols), cols: x.Cols}
	wide := x.Len() > 2*wideWork
	b.pool.do(c, ceil(x.Rows, c.rows), wide)
	c.weights = true
	if wide {
		c.cols = colsATask
	}
	if x.Rows > 0 && x.Cols > 0 {
		b.pool.do(c, ceil(x.Cols, c.cols), wide)
	}
	b.wrote(dx)
	b.wrote(dw)
}

func (c *normGradCall) task(w *worker, i int) {
	if c.weights {
		c0 := i * c.cols
		c1 := min(c0+c.cols, c.x.cols)
		wb, yb, xb := w.take(c1-c0), w.take(c1-c0), w.take(c1-c0)
		dw := c.dw.row(w.s, 0, c0, c1, wb)
		for r := range c.x.rows {
			w.s.mulAdd(dw, c.dy.row(w.s, r, c0, c1, yb), c.x.row(w.s, r, c0, c1, xb), c.scale[r])
		}
		c.dw.store(w.s, 0, c0, dw)
		return
	}
	n := c.x.cols
	xb, yb, wb, db := w.take(n), w.take(n), w.take(n), w.take(n)
	weight, g := c.w.row(w.s, 0, 0, n, wb), w.take(n)
	for r := i * c.rows; r < min((i+1)*c.rows, c.x.rows); r++ {
		x, dy := c.x.row(w.s, r, 0, n, xb), c.dy.row(w.s, r, 0, n, yb)
		dx := c.dx.row(w.s, r, 0, n, db)
		s := rstd(w.s, x, c.eps)
		c.scale[r] = s
		w.s.mul(g, dy, weight)
		mean := w.s.dot(g, x) / float32(n)
		w.s.normGrad(dx, g, x, s, s*s*s*mean)
		c.dx.store(w.s, r, 0, dx)
	}
}
