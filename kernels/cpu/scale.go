package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

type scaleCall struct {
	y, x   mat
	factor float32
	rows   int // of a task
}

// Scale sets y[i][j] = factor * x[i][j].
func (b *Backend) Scale(y, x tensor.Mat, factor float64) {
	kernels.CheckShape("Scale", "x", x, y.Rows, y.Cols)
	if y.Len() == 0 {
		return
	}
	c := &b.calls.scale
	*c = scaleCall{y: view("Scale", y), x: view("Scale", x), factor: float32(factor), rows: rowsPerTask(y.Cols)}
	b.pool.do(c, ceil(y.Rows, c.rows), y.Len() > 2*parallelWork)
	b.wrote(y)
}

func (c *scaleCall) task(w *worker, i int) {
	xb, yb := w.take(stageCols), w.take(stageCols)
	for r := i * c.rows; r < min((i+1)*c.rows, c.y.rows); r++ {
		for c0 := 0; c0 < c.y.cols; c0 += stageCols {
			c1 := min(c0+stageCols, c.y.cols)
			y := c.y.out(r, c0, c1, yb)
			copy(y, c.x.row(w.s, r, c0, c1, xb))
			w.s.scale(y, c.factor)
			c.y.store(w.s, r, c0, y)
		}
	}
}
