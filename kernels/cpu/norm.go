package cpu

import (
	"math"
	"runtime"
	"sync/atomic"

	"spell/kernels"
	"spell/tensor"
)

type normCall struct {
	y, x, w mat
	eps     float64
	rows    int
}

// RMSNorm sets y[i] = x[i] * w / sqrt(mean(x[i]²) + eps). The squares are summed in 16 lanes; the
// rest is one true square root, one true division and two products.
func (b *Backend) RMSNorm(y, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNorm", "y", y, x.Rows, x.Cols)
	kernels.CheckShape("RMSNorm", "w", w, 1, x.Cols)
	c := &b.calls.norm
	*c = normCall{y: b.streamingView("RMSNorm", y, x), x: view("RMSNorm", x), w: view("RMSNorm", w), eps: eps,
		rows: rowsPerTask(x.Cols)}
	b.pool.do(c, ceil(x.Rows, c.rows), x.Len() > 2*parallelWork)
	b.wrote(y)
}

func (c *normCall) task(w *worker, i int) {
	n := c.x.cols
	xb, yb, wb := w.take(n), w.take(min(n, stageCols)), w.take(n)
	weight := c.w.row(w.s, 0, 0, n, wb)
	for r := i * c.rows; r < min((i+1)*c.rows, c.x.rows); r++ {
		x := c.x.row(w.s, r, 0, n, xb)
		next := x
		if !c.x.half && r+1 < c.x.rows {
			next = c.x.row(w.s, r+1, 0, n, nil)
		}
		scale := rstd(w.s.dot(x, x), n, c.eps)
		for c0 := 0; c0 < n; c0 += stageCols {
			c1 := min(c0+stageCols, n)
			if c.y.half {
				h := halves(yb)[:c1-c0]
				w.s.scaleMulHalf(h, x[c0:c1], weight[c0:c1], next[c0:c1], scale)
				c.y.putHalf(w.s, r, c0, h)
				continue
			}
			y := c.y.out(r, c0, c1, yb)
			w.s.scaleMul(y, x[c0:c1], weight[c0:c1], next[c0:c1], scale)
			c.y.store(w.s, r, c0, y)
		}
	}
}

// rstd returns 1/sqrt(mean+eps) of n squares.
func rstd(squares float32, n int, eps float64) float32 {
	return 1 / float32(math.Sqrt(float64(squares/float32(n)+float32(eps))))
}

type normGradCall struct {
	dx, dy, x, w mat
	dw           []float32 // nil: not wanted
	eps          float64
	rows         int          // of a task
	turn         atomic.Int64 // the task that may add to dw
}

// normBlock is the elements of x and of dy that a task of RMSNormGrad keeps in its cache.
const normBlock = 1 << 16

// RMSNormGrad adds the gradients of RMSNorm to dx and dw; dw row after row. A task reads a block of
// rows from memory for dx, and adds its share of dw, from cache, when the tasks before it have.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNormGrad", "dx", dx, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "dy", dy, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "w", w, 1, x.Cols)
	if !dw.IsZero() {
		kernels.CheckShape("RMSNormGrad", "dw", dw, 1, x.Cols)
	}
	b.calls.rowScratch = grow(b.calls.rowScratch, x.Cols)
	c, sum := &b.calls.normGrad, view("RMSNormGrad", dw)
	c.dx, c.dy, c.x, c.w = view("RMSNormGrad", dx), view("RMSNormGrad", dy), view("RMSNormGrad", x),
		view("RMSNormGrad", w)
	c.eps = eps
	c.rows = max(1, min(normBlock/max(x.Cols, 1), ceil(x.Rows, 2*len(b.pool.workers))))
	c.turn.Store(0)
	if x.Rows > 0 && x.Cols > 0 {
		if c.dw = nil; !sum.none() {
			c.dw = sum.row(b.isa, 0, 0, x.Cols, b.calls.rowScratch)
		}
		b.pool.do(c, ceil(x.Rows, c.rows), x.Len() > 2*parallelWork)
		if c.dw != nil {
			sum.store(b.isa, 0, 0, c.dw)
		}
	}
	b.wrote(dx)
	b.wrote(dw)
}

func (c *normGradCall) task(w *worker, i int) {
	r0, r1, n := i*c.rows, min((i+1)*c.rows, c.x.rows), c.x.cols
	scale := w.take(c.rows)
	xb, yb, wb, db := w.take(n), w.take(n), w.take(n), w.take(n)
	weight := c.w.row(w.s, 0, 0, n, wb)
	for r := r0; r < r1; r++ {
		x, dy := c.x.row(w.s, r, 0, n, xb), c.dy.row(w.s, r, 0, n, yb)
		dx := c.dx.row(w.s, r, 0, n, db)
		squares, inner := w.s.normSums(x, dy, weight, dx)
		s := rstd(squares, n, c.eps)
		scale[r-r0] = s
		w.s.normGrad(dx, dy, weight, x, s, s*s*s*(inner/float32(n)))
		c.dx.store(w.s, r, 0, dx)
	}
	if c.dw == nil {
		return
	}
	for k := 0; c.turn.Load() != int64(i); k++ { // tasks begin in order, so the one before is at work
		if k%1024 == 1023 {
			runtime.Gosched()
		}
	}
	for c0 := 0; c0 < n; c0 += stageCols {
		c1 := min(c0+stageCols, n)
		for r := r0; r < r1; r++ {
			w.s.mulAdd(c.dw[c0:c1], c.dy.row(w.s, r, c0, c1, yb), c.x.row(w.s, r, c0, c1, xb), scale[r-r0])
		}
	}
	c.turn.Store(int64(i) + 1)
}
