package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// A running is the state of a softmax over tiles of VocabTile columns: the maximum so far, the sum
// of exp(z-top), and of exp(z-top)*(z-top) for the entropy. LogProb and Sample advance it over the
// same tiles of the same numbers, so their log-probabilities have the same bits.
type running struct{ top, sum, moment float32 }

func newRunning() running { return running{top: float32(math.Inf(-1))} }

// advance adds a tile of scaled logits.
func (r *running) advance(s isa, z []float32) {
	top := max(r.top, s.max(z))
	if math.IsInf(float64(top), -1) {
		return // nothing but impossible columns so far
	}
	if top != r.top {
		if r.sum != 0 {
			f, d := expf(r.top-top), r.top-top
			r.moment = (r.moment + float32(d*r.sum)) * f
			r.sum *= f
		}
		r.top = top
	}
	sum, moment := s.expMoments(z, top)
	r.sum += sum
	r.moment += moment
}

// lse returns the log of the sum of exponentials.
func (r *running) lse() float32 { return logSum(r.top, r.sum) }

// entropy returns -Σ p log p.
func (r *running) entropy() float32 {
	return float32(math.Log(float64(r.sum)) - float64(r.moment)/float64(r.sum))
}

type logProbCall struct {
	g       gemmCall // the logits, whose C is never formed
	stats   mat
	targets []int32
	invTemp []float32
}

// logits prepares the product x·wᵀ.
func (b *Backend) logits(op string, x, w tensor.Mat) gemmCall {
	g := gemmCall{a: view(op, x), b: weights(op, w), m: x.Rows, n: w.Rows, k: x.Cols}
	b.withWeights(&g, b.packOf(w, x.Rows))
	// Rows of a task: each task reads all of w, so as many as keep the workers even.
	tasks := 2 * len(b.pool.workers)
	g.mb = max(min(ceil(ceil(x.Rows, tasks), tileRows)*tileRows, 16*tileRows), tileRows)
	return g
}

// logitTile computes the logits of the rows and columns of s, over all steps, into z, rows of
// VocabTile.
func (g *gemmCall) logitTile(w *worker, z []float32, s span) {
	mark := w.used
	for s.k0 = 0; s.k0 == 0 || s.k0 < g.k; s.k0 += packedK {
		s.k1 = min(s.k0+packedK, g.k)
		g.multiplySpan(w, s, z, kernels.VocabTile)
		w.used = mark
	}
}

// LogProb scores one target per row without forming the logits.
func (b *Backend) LogProb(stats, x, w tensor.Mat, targets []int32, invTemp []float32) {
	kernels.CheckHead("LogProb", stats, x, w, targets, invTemp)
	c := &b.calls.logProb
	*c = logProbCall{g: b.logits("LogProb", x, w), stats: view("LogProb", stats), targets: targets, invTemp: invTemp}
	b.pool.do(c, ceil(x.Rows, c.g.mb), x.Len()*w.Rows > parallelFlops/2)
	b.wrote(stats)
}

func (c *logProbCall) task(w *worker, i int) {
	i0 := i * c.g.mb
	i1 := min(i0+c.g.mb, c.g.m)
	var state [16 * tileRows]running
	var chosen [16 * tileRows]float32
	for r := range state[:i1-i0] {
		state[r] = newRunning()
	}
	z := w.take((i1 - i0) * kernels.VocabTile)
	for j0 := 0; j0 < c.g.n; j0 += kernels.VocabTile {
		j1 := min(j0+kernels.VocabTile, c.g.n)
		c.g.logitTile(w, z, span{i0: i0, i1: i1, j0: j0, j1: j1})
		for r := i0; r < i1; r++ {
			row := z[(r-i0)*kernels.VocabTile:][:j1-j0]
			w.s.scale(row, c.invTemp[r])
			if t := int(c.targets[r]); t >= j0 && t < j1 {
				chosen[r-i0] = row[t-j0]
			}
			state[r-i0].advance(w.s, row)
		}
	}
	for r := i0; r < i1; r++ {
		s := &state[r-i0]
		lse := s.lse()
		out := [3]float32{chosen[r-i0] - lse, s.entropy(), lse}
		c.stats.put(w.s, r, 0, out[:])
	}
}

// A logitGradCall leaves the logit gradients of one vocabulary tile in dz, rounded to the type of
// x.
type logitGradCall struct {
	logProbCall
	coefLogp, coefEntropy []float32
	row0, rows            int // first row of dz, and their number
	j0, j1                int // columns [j0, j1) of the vocabulary
	dz                    []float32
}

// headRows is the number of rows whose logit gradients are held at once.
const headRows = 4096

// LogProbGrad walks the vocabulary tile by tile: the logit gradients of the tile, then what they
// give to dx, whose chain goes on from tile to tile, and to the tile's rows of dw, if there is one.
func (b *Backend) LogProbGrad(dx, dw, stats, x, w tensor.Mat, targets []int32,
	invTemp, coefLogp, coefEntropy []float32) {
	const op = "LogProbGrad"
	kernels.CheckHead(op, stats, x, w, targets, invTemp)
	kernels.CheckHeadGrad(op, dx, dw, x, w, coefLogp, coefEntropy)
	c := &b.calls.logitGrad
	forward := logProbCall{g: b.logits(op, x, w), stats: view(op, stats), targets: targets, invTemp: invTemp}
	*c = logitGradCall{logProbCall: forward, coefLogp: coefLogp, coefEntropy: coefEntropy}
	xs, ws, dxs, dws := view(op, x), weights(op, w), view(op, dx), view(op, dw)
	sum := dxs
	if dxs.half {
		sum = widened(b.isa, &dxs, &b.calls.inputScratch)
	}
	step := headRows
	if dws.half {
		step = max(x.Rows, 1) // one rounding of dw
	}
	b.calls.tileScratch = grow(b.calls.tileScratch, min(step, x.Rows)*kernels.VocabTile)
	c.dz = b.calls.tileScratch
	for c.j0 = 0; c.j0 < w.Rows; c.j0 += kernels.VocabTile {
		c.j1 = min(c.j0+kernels.VocabTile, w.Rows)
		for c.row0 = 0; c.row0 < x.Rows; c.row0 += step {
			c.rows = min(step, x.Rows-c.row0)
			n := c.j1 - c.j0
			b.pool.do(c, ceil(c.rows, c.g.mb), c.rows*n*x.Cols > parallelFlops/2)
			dz := mat{f: c.dz, rows: c.rows, cols: n, stride: kernels.VocabTile}
			g := &b.calls.gemm
			*g = gemmCall{c: sum.slice(c.row0, c.rows), a: dz, b: ws.slice(c.j0, n), m: c.rows, n: x.Cols, k: n,
				accumulate: c.j0 > 0, source: rowsOf(&ws, c.rows)}
			b.product(g)
			if dw.IsZero() {
				continue
			}
			*g = gemmCall{c: dws.slice(c.j0, n), a: dz, b: xs.slice(c.row0, c.rows), m: n, n: x.Cols, k: c.rows,
				swapA: true, accumulate: true, source: rowsOf(&xs, n)}
			b.product(g)
		}
	}
	for r := 0; dxs.half && r < dxs.rows; r++ {
		dxs.put(b.isa, r, 0, sum.f[r*sum.stride:][:sum.cols])
	}
	b.wrote(dx)
	b.wrote(dw)
}

func (c *logitGradCall) task(w *worker, i int) {
	i0 := i * c.g.mb
	i1 := min(i0+c.g.mb, c.rows)
	c.g.logitTile(w, c.dz[i0*kernels.VocabTile:], span{i0: c.row0 + i0, i1: c.row0 + i1, j0: c.j0, j1: c.j1})
	buf := w.take(3)
	for i := i0; i < i1; i++ {
		r := c.row0 + i
		z := c.dz[i*kernels.VocabTile:][:c.j1-c.j0]
		s := c.stats.row(w.s, r, 0, 3, buf)
		inv := c.invTemp[r]
		w.s.scale(z, inv)
		w.s.logitGrad(z, s[2], inv, c.coefLogp[r], c.coefEntropy[r], s[1])
		if t := int(c.targets[r]); t >= c.j0 && t < c.j1 {
			z[t-c.j0] += inv * c.coefLogp[r]
		}
		if c.g.a.half {
			w.s.round(z)
		}
	}
}
