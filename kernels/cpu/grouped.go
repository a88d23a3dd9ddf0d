package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

// Grouped products run the products of many small groups as one call: their tasks are claimed one
// after the other as if they were those of one product. Groups that are large enough for packing
// their operands run by themselves.

// A groupedCall is the calls of some groups.
type groupedCall struct {
	calls []gemmCall
	first []int // task of each
}

func (c *groupedCall) task(w *worker, i int) {
	lo, hi := 0, len(c.first) // the last call whose first task is not after i
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; c.first[mid] <= i {
			lo = mid
		} else {
			hi = mid
		}
	}
	c.calls[lo].task(w, i-c.first[lo])
}

// grouped runs the calls that of returns for the groups that have rows.
func (b *Backend) grouped(ends []int32, of func(e, from, rows int) gemmCall) {
	c := &b.calls.grouped
	c.calls, c.first = c.calls[:0], c.first[:0]
	from := 0
	for e, end := range ends {
		rows := int(end) - from
		if rows > 0 {
			g := &b.calls.gemm
			if *g = of(e, from, rows); g.source == packed && g.panels == nil {
				b.product(g)
			} else if g.n > 0 && (g.k > 0 || !g.accumulate) {
				c.calls = append(c.calls, *g)
			}
		}
		from = int(end)
	}
	workers := len(b.pool.workers)
	if len(c.calls) >= 3*workers {
		workers = 1 // they are tasks enough
	}
	tasks, flops := 0, 0
	for i := range c.calls {
		g := &c.calls[i]
		n, _ := b.plan(g, workers)
		c.first = append(c.first, tasks)
		tasks += n
		flops += 2 * g.m * g.n * g.k
	}
	b.pool.do(c, tasks, flops > parallelFlops)
}

// GroupMatMul sets y[i][o] = Σₖ x[i][k]*w[e*n+o][k] for the rows i of group e. Experts whose
// outputs fill whole panels share one pack.
func (b *Backend) GroupMatMul(y, x, w tensor.Mat, ends []int32) {
	const op = "GroupMatMul"
	n := y.Cols
	kernels.CheckShape(op, "y", y, x.Rows, n)
	kernels.CheckShape(op, "w", w, w.Rows, x.Cols)
	kernels.CheckGroups(op, ends, x.Rows, w, n)
	ys, xs, ws := view(op, y), view(op, x), weights(op, w)
	var all *pack
	if n%panelCols == 0 {
		all = b.packOf(w, x.Rows)
	}
	b.grouped(ends, func(e, from, rows int) gemmCall {
		g := gemmCall{c: ys.slice(from, rows), a: xs.slice(from, rows), b: ws.slice(e*n, n), m: rows, n: n, k: x.Cols}
		if n%panelCols == 0 {
			g.firstPanel = e * n / panelCols
			b.withWeights(&g, all)
		} else {
			b.withWeights(&g, b.packOf(w.Slice(e*n, (e+1)*n), rows))
		}
		return g
	})
	b.wrote(y)
}

// GroupMatMulGradX sets dx[i][k] (+)= Σₒ dy[i][o]*w[e*n+o][k].
func (b *Backend) GroupMatMulGradX(dx, dy, w tensor.Mat, ends []int32, acc bool) {
	const op = "GroupMatMulGradX"
	n := dy.Cols
	kernels.CheckShape(op, "dx", dx, dy.Rows, w.Cols)
	kernels.CheckGroups(op, ends, dy.Rows, w, n)
	dxs, dys, ws := view(op, dx), view(op, dy), weights(op, w)
	b.grouped(ends, func(e, from, rows int) gemmCall {
		return b.gradX(dxs.slice(from, rows), dys.slice(from, rows), ws.slice(e*n, n), acc)
	})
	b.wrote(dx)
}

// GroupMatMulGradW adds dw[e*n+o][k] += Σᵢ dy[i][o]*x[i][k] over the rows i of group e.
func (b *Backend) GroupMatMulGradW(dw, dy, x tensor.Mat, ends []int32) {
	const op = "GroupMatMulGradW"
	n := dy.Cols
	kernels.CheckShape(op, "x", x, dy.Rows, dw.Cols)
	kernels.CheckGroups(op, ends, dy.Rows, dw, n)
	dws, dys, xs := view(op, dw), view(op, dy), view(op, x)
	b.grouped(ends, func(e, from, rows int) gemmCall {
		return b.gradW(dws.slice(e*n, n), dys.slice(from, rows), xs.slice(from, rows))
	})
	b.wrote(dw)
}
