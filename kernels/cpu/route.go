package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

// The operations between the products of a mixture of experts. All of them are bound by memory.

type routeCall struct {
	dlogits, dweights, weights, logits mat // Route has no gradients
	ids                                []int32
	normalize                          bool
	rows                               int // of a task
}

// Route chooses experts by logits. Exponentials are summed in 16 lanes, weights in order.
func (b *Backend) Route(ids []int32, weights, logits tensor.Mat, normalize bool) {
	kernels.CheckRoute("Route", ids, weights, logits)
	c := &b.calls.route
	*c = routeCall{weights: view("Route", weights), logits: view("Route", logits), ids: ids, normalize: normalize,
		rows: rowsPerTask(4 * logits.Cols)}
	b.pool.do(c, ceil(logits.Rows, c.rows), logits.Len() > parallelWork/4)
	b.wrote(weights)
}

// RouteGrad computes the gradient of Route.
func (b *Backend) RouteGrad(dlogits, dweights, weights, logits tensor.Mat, ids []int32, normalize bool) {
	const op = "RouteGrad"
	kernels.CheckRoute(op, ids, weights, logits)
	kernels.CheckShape(op, "dweights", dweights, weights.Rows, weights.Cols)
	kernels.CheckShape(op, "dlogits", dlogits, logits.Rows, logits.Cols)
	kernels.CheckRows(op, ids, logits.Cols)
	c := &b.calls.route
	*c = routeCall{dlogits: view(op, dlogits), dweights: view(op, dweights), weights: view(op, weights),
		logits: view(op, logits), ids: ids, normalize: normalize, rows: rowsPerTask(4 * logits.Cols)}
	b.pool.do(c, ceil(logits.Rows, c.rows), logits.Len() > parallelWork/4)
	b.wrote(dlogits)
}

func (c *routeCall) task(w *worker, i int) {
	n, k := c.logits.cols, c.weights.cols
	zb, p, wb, db, q := w.take(n), w.take(n), w.take(k), w.take(k), w.take(k)
	for r := i * c.rows; r < min((i+1)*c.rows, c.logits.rows); r++ {
		z, ids := c.logits.row(w.s, r, 0, n, zb), c.ids[r*k:][:k]
		if c.dlogits.none() {
			largestFew(ids, z)
			sum := w.s.expSum(p, z, z[ids[0]])
			choose(wb, p, ids, sum, c.normalize)
			c.weights.put(w.s, r, 0, wb)
			continue
		}
		weight, d := c.weights.row(w.s, r, 0, k, wb), c.dweights.row(w.s, r, 0, k, db)
		clear(p)
		copy(q, weight)
		if !c.normalize {
			w.s.divide(p, w.s.expSum(p, z, z[ids[0]]))
			for r, id := range ids {
				q[r] = p[id]
			}
		}
		mean := float32(0)
		for r := range d {
			mean += float32(d[r] * weight[r])
		}
		w.s.scale(p, -mean)
		for r, id := range ids {
			p[id] = q[r] * (d[r] - mean)
		}
		c.dlogits.put(w.s, r, 0, p)
	}
}

// choose sets weights to the shares of the chosen exponentials p, whose sum over all experts is
// sum.
func choose(weights, p []float32, ids []int32, sum float32, normalize bool) {
	total := float32(0)
	for r, id := range ids {
		weights[r] = p[id] / sum
		total += weights[r]
	}
	if normalize {
		for r := range weights {
			weights[r] /= total
		}
	}
}

// largestFew fills ids with the indices of the largest numbers, in falling order, of equals the
// lower index first, NaN last.
func largestFew(ids []int32, z []float32) {
	n := 0 // found so far
	for j, v := range z {
		if n == len(ids) && !above(v, z[ids[n-1]]) {
			continue
		}
		n = min(n+1, len(ids))
		at := n - 1
		for ; at > 0 && above(v, z[ids[at-1]]); at-- {
			ids[at] = ids[at-1]
		}
		ids[at] = int32(j)
	}
}

// above reports whether v is the larger, any number being larger than NaN.
func above(v, w float32) bool { return v > w || w != w && v == v }

// A gatherAddCall adds sums of few rows of x to rows of y.
type gatherAddCall struct {
	y, x mat
	from []int32 // few for each row of y
	few  int
	rows int // of a task
}

// GatherAdd adds y[i] += Σᵣ x[rows[i*k+r]], in order of r.
func (b *Backend) GatherAdd(y, x tensor.Mat, rows []int32) {
	kernels.CheckGatherAdd(y, x, rows)
	if len(rows) == 0 {
		return
	}
	c := &b.calls.gatherAdd
	*c = gatherAddCall{y: view("GatherAdd", y), x: view("GatherAdd", x), from: rows, few: len(rows) / y.Rows}
	c.rows = rowsPerTask(c.few * y.Cols)
	b.pool.do(c, ceil(y.Rows, c.rows), len(rows)*y.Cols > 2*parallelWork)
	b.wrote(y)
}

func (c *gatherAddCall) task(w *worker, i int) {
	n := min(stageCols, c.y.cols)
	sum, xb, yb := w.take(n), w.take(n), w.take(n)
	for r := i * c.rows; r < min((i+1)*c.rows, c.y.rows); r++ {
		from := c.from[r*c.few:][:c.few]
		for c0 := 0; c0 < c.y.cols; c0 += n {
			c1 := min(c0+n, c.y.cols)
			s := sum[:c1-c0]
			c.x.get(w.s, s, int(from[0]), c0)
			for _, f := range from[1:] {
				w.s.add(s, s, c.x.row(w.s, int(f), c0, c1, xb))
			}
			y := c.y.row(w.s, r, c0, c1, yb)
			w.s.add(y, y, s)
			c.y.store(w.s, r, c0, y)
		}
	}
}

// A scaledSwigluCall computes y, or dgate, dup and dscale from dy.
type scaledSwigluCall struct {
	y, dgate, dup, dscale, dy, gate, up, scale mat
	rows                                       int
}

// ScaledSwiGLU sets y = scale * gate/(1+exp(-gate)) * up.
func (b *Backend) ScaledSwiGLU(y, gate, up, scale tensor.Mat) {
	const op = "ScaledSwiGLU"
	kernels.CheckScaledSwiGLU(op, gate, scale, y, up)
	c := &b.calls.scaledSwiglu
	*c = scaledSwigluCall{y: b.streamingView(op, y, gate, up), gate: view(op, gate), up: view(op, up),
		scale: view(op, scale), rows: rowsPerTask(gate.Cols)}
	b.pool.do(c, ceil(gate.Rows, c.rows), gate.Len() > parallelWork)
	b.wrote(y)
}

// ScaledSwiGLUGrad computes the gradient of ScaledSwiGLU; dscale in 16 lanes per stageCols columns.
func (b *Backend) ScaledSwiGLUGrad(dgate, dup, dscale, dy, gate, up, scale tensor.Mat) {
	const op = "ScaledSwiGLUGrad"
	kernels.CheckScaledSwiGLU(op, gate, scale, dgate, dup, dy, up)
	kernels.CheckShape(op, "dscale", dscale, gate.Rows, 1)
	c := &b.calls.scaledSwiglu
	*c = scaledSwigluCall{dgate: b.streamingView(op, dgate, dup, dy, gate, up),
		dup: b.streamingView(op, dup, dgate, dy, gate, up), dscale: view(op, dscale), dy: view(op, dy),
		gate: view(op, gate), up: view(op, up), scale: view(op, scale), rows: rowsPerTask(gate.Cols)}
	b.pool.do(c, ceil(gate.Rows, c.rows), gate.Len() > parallelWork)
	b.wrote(dgate)
	b.wrote(dup)
	b.wrote(dscale)
}

func (c *scaledSwigluCall) task(w *worker, i int) {
	n, run := c.gate.cols, min(stageCols, c.gate.cols)
	gb, ub, yb, tb, sb, db := w.take(run), w.take(run), w.take(run), w.take(run), w.take(run), w.take(run)
	var one [1]float32
	for r := i * c.rows; r < min((i+1)*c.rows, c.gate.rows); r++ {
		scale, sum := c.scale.row(w.s, r, 0, 1, one[:])[0], float32(0)
		for c0 := 0; c0 < n; c0 += run {
			c1 := min(c0+run, n)
			g, u := c.gate.row(w.s, r, c0, c1, gb), c.up.row(w.s, r, c0, c1, ub)
			if c.dy.rows == 0 {
				y := c.y.out(r, c0, c1, yb)
				w.s.swiglu(y, g, u)
				w.s.scale(y, scale)
				c.y.store(w.s, r, c0, y)
				continue
			}
			d := db[:c1-c0]
			c.dy.get(w.s, d, r, c0)
			w.s.swiglu(yb[:c1-c0], g, u)
			sum += w.s.dot(d, yb[:c1-c0])
			w.s.scale(d, scale)
			dg, du := c.dgate.out(r, c0, c1, tb), c.dup.out(r, c0, c1, sb)
			w.s.swigluGrad(dg, du, d, g, u)
			c.dgate.store(w.s, r, c0, dg)
			c.dup.store(w.s, r, c0, du)
		}
		if c.dy.rows > 0 {
			c.dscale.put(w.s, r, 0, []float32{sum})
		}
	}
}
