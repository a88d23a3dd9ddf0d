package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

// The three products of a linear layer are one loop nest around one primitive, isa.product, which
// multiplies rows of A, read with two strides, by one panel of 32 columns of B:
//
//	            C        A                    B
//	MatMul      y        x                    wᵀ, packed into panels
//	MatMulGradX dx       dy                   w, whose rows are already [k][n]
//	MatMulGradW dw       dyᵀ (strides swapped) x, likewise
//
// Order of additions. MatMul and MatMulGradX: acc = 0, then acc = fma(a[k], b[k], acc) for
// k = 0…K-1, then + bias, then + the old value where asked to add. MatMulGradW: the chain starts
// from the stored value, so a batch cut into parts gives the bits of the whole. Where K is
// blocked the chain goes on through memory in f32; where C is bf16 it is rounded once, at the end.

const (
	panelCols = 32  // columns of a panel of B
	stripRows = 12  // rows of a strip of A, those of the largest tile
	copyCols  = 128 // columns of B that are copied at once, to rows copyDist apart
	copyDist  = copyCols + 16

	packedK = 1024 // reduction steps between which a tile of C rests in memory, where B is packed
	otherK  = 512  // and where a task reads B where it lies or has its own copy of a part
	skinnyK = 128  // and where few rows of A make memory the bound: B is read from end to end
)

// gemmCall is C (+)= A·B with C [m, n] and k reduction steps.
type gemmCall struct {
	c, a, b mat
	bias    []float32
	swapA   bool   // A is the transpose of a
	onto    bool   // the chain starts from C
	as      layout // floats, or what bf16 of both operands is multiplied as
	acc     bool   // C is added after the chain
	how     packing
	panels  *pack // where packed
	first   int   // panels before those of B
	strips  bool  // A is read as strips [k][12]
	m, n, k int

	mb, nb, mTasks int // rows and columns of a task; tasks along the rows
	kb             int // reduction steps of a block
}

// MatMul is y[i][o] (+)= Σₖ x[i][k]*w[o][k] + bias[o].
func (b *Backend) MatMul(y, x, w, bias tensor.Mat, acc bool) {
	kernels.CheckShape("MatMul", "y", y, x.Rows, w.Rows)
	kernels.CheckShape("MatMul", "w", w, w.Rows, x.Cols)
	g := &b.calls.gemm
	*g = gemmCall{c: view("MatMul", y), a: view("MatMul", x), b: weights("MatMul", w), acc: acc, m: x.Rows, n: w.Rows, k: x.Cols}
	if !bias.IsZero() {
		kernels.CheckShape("MatMul", "bias", bias, 1, w.Rows)
		v := view("MatMul", bias)
		b.calls.rowScratch = grow(b.calls.rowScratch, bias.Cols)
		g.bias = v.row(b.isa, 0, 0, bias.Cols, b.calls.rowScratch)
	}
	b.withWeights(g, b.packOf(w, x.Rows))
	b.product(g)
	b.wrote(y)
}

// MatMulGradX is dx[i][k] (+)= Σₒ dy[i][o]*w[o][k].
func (b *Backend) MatMulGradX(dx, dy, w tensor.Mat, acc bool) {
	kernels.CheckShape("MatMulGradX", "dx", dx, dy.Rows, w.Cols)
	kernels.CheckShape("MatMulGradX", "w", w, dy.Cols, w.Cols)
	g := &b.calls.gemm
	*g = b.gradX(view("MatMulGradX", dx), view("MatMulGradX", dy), view("MatMulGradX", w), acc)
	b.product(g)
	b.wrote(dx)
}

// MatMulGradW is dw[o][k] += Σᵢ dy[i][o]*x[i][k]; db[o] += Σᵢ dy[i][o].
func (b *Backend) MatMulGradW(dw, db, dy, x tensor.Mat) {
	kernels.CheckShape("MatMulGradW", "dw", dw, dy.Cols, x.Cols)
	kernels.CheckShape("MatMulGradW", "x", x, dy.Rows, x.Cols)
	g := &b.calls.gemm
	*g = b.gradW(view("MatMulGradW", dw), view("MatMulGradW", dy), view("MatMulGradW", x))
	b.product(g)
	if !db.IsZero() {
		kernels.CheckShape("MatMulGradW", "db", db, 1, dy.Cols)
		b.columnSums(db, dy)
		b.wrote(db)
	}
	b.wrote(dw)
}

// gradX and gradW are the calls of the gradients.
func (b *Backend) gradX(dx, dy, w mat, acc bool) gemmCall {
	g := gemmCall{c: dx, a: dy, b: w, acc: acc, m: dy.rows, n: w.cols, k: w.rows}
	b.withRows(&g)
	return g
}

func (b *Backend) gradW(dw, dy, x mat) gemmCall {
	g := gemmCall{c: dw, a: dy, b: x, swapA: true, onto: true, m: dy.cols, n: x.cols, k: dy.rows}
	b.withRows(&g)
	return g
}

// withRows completes a gradient, whose B has its steps in rows. The chains of BFMMLA could not be cut
// where a batch is.
func (b *Backend) withRows(g *gemmCall) {
	g.how = rowsOf(&g.b, g.m)
	if l := b.multipliesAs(g); l == pairs {
		g.as = l
	}
}

// product cuts a call into tasks and runs it. Panels made for this call take memory that is kept
// for the next; to bound it, the call runs in parts: of the columns of C, or of the reduction
// where the chain starts from C anyway and both operands have it along their rows.
func (b *Backend) product(g *gemmCall) {
	if g.m == 0 || g.n == 0 || g.k == 0 && g.onto {
		return
	}
	if g.how != packed || g.panels != nil {
		b.run(g)
		return
	}
	whole := *g
	if g.swapA {
		step := max(b.packPart/max(g.m, g.n)&^1, otherK) // whole pairs
		for k0 := 0; k0 < whole.k; k0 += step {
			k := min(step, whole.k-k0)
			*g = whole
			g.a, g.b, g.k = whole.a.slice(k0, k), whole.b.slice(k0, k), k
			b.runPacked(g)
		}
		return
	}
	step := max(b.packPart/max(g.k, 1)/panelCols*panelCols, panelCols)
	for j0 := 0; j0 < whole.n; j0 += step {
		n := min(step, whole.n-j0)
		*g = whole
		g.c, g.b, g.n = whole.c.columns(j0, n), whole.b.columns(j0, n), n
		b.runPacked(g)
	}
}

// runPacked is run with panels of B made for the call.
func (b *Backend) runPacked(g *gemmCall) {
	steps := g.steps(g.k)
	g.panels = b.calls.panels.room(ceil(g.n, panelCols) * panelCols * steps)
	g.panels.layout = g.as
	c := &b.calls.copy
	*c = copyCall{dst: g.panels.f, src: g.b, width: panelCols, steps: steps, pairs: g.as == pairs}
	b.pool.do(c, ceil(g.k, copyRows), true)
	g.strips = g.swapA
	b.run(g)
}

// run runs a call whose operands are as they should be.
func (b *Backend) run(g *gemmCall) {
	n, wide := b.plan(g, len(b.pool.workers))
	if b.skims(g) {
		b.pool.doInRuns(g, n, wide)
		return
	}
	b.pool.do(g, n, wide)
}

// skims says whether a call reads packed weights for few rows, so that memory is the bound.
func (b *Backend) skims(g *gemmCall) bool { return g.how == packed && b.isa.few(g.m) }

// plan cuts a call into tasks for that many workers.
func (b *Backend) plan(g *gemmCall, workers int) (tasks int, wide bool) {
	flops, few := 2*g.m*g.n*g.k, b.skims(g)
	wide = workers > 1 && (flops > wideFlops || few && g.n*g.k > wideWeights)
	switch {
	case few:
		g.kb = max(g.k, 1) // memory is the bound: panels are read from end to end
	case g.strips:
		g.kb = 2 * packedK // C, which the chains start from, is passed over once more for each
	case g.how == packed:
		g.kb = packedK
	case g.how == inPlace && g.m <= 2*tileRows:
		g.kb = skinnyK
	default:
		g.kb = otherK
	}
	g.mb, g.nb = g.m, ceil(g.n, panelCols)*panelCols
	if wide || flops > 1<<24 {
		least := 3 * workers
		if few && g.m <= 2 {
			least = 8 * workers // memory serves now one, now another, and a task has little of A to read again
		}
		g.cut(workers, least)
	}
	g.mTasks = ceil(g.m, g.mb)
	return g.mTasks * ceil(g.n, g.nb), wide
}

// wideFlops is the size of product below which waking a worker costs more than it saves.
const wideFlops = 1 << 20

// wideWeights is the number of packed weights from which on more than one worker reads them for few rows: memory
// takes longer than another worker needs to join.
const wideWeights = 1 << 15

// cut chooses the rows and columns of a task. A block of A should fit the second-level cache;
// where tasks copy their parts of A or B, large tasks share a copy. More workers take smaller
// tasks, at least so many, as square as they come.
func (g *gemmCall) cut(workers, least int) {
	all := ceil(g.n, panelCols) * panelCols
	rows, cols := min(480, g.m), min(1024, all)
	if g.how == inPlace || g.how == packed && g.as == g.panels.layout && g.panels.q == nil {
		rows = min(120, g.m)
	}
	if g.strips {
		cols = all // one copy of the rows for all columns
	}
	for workers > 1 && ceil(g.m, rows)*ceil(g.n, cols) < least {
		if rows > 2*tileRows && (rows >= cols || cols == panelCols) {
			rows = ceil(ceil(rows, 2), tileRows) * tileRows
		} else if cols > panelCols {
			cols = ceil(ceil(cols, 2), panelCols) * panelCols
		} else {
			break
		}
	}
	g.mb, g.nb = ceil(ceil(g.m, ceil(g.m, rows)), tileRows)*tileRows, cols
}

func (g *gemmCall) task(w *worker, i int) {
	i0, j0 := i%g.mTasks*g.mb, i/g.mTasks*g.nb
	i1, j1 := min(i0+g.mb, g.m), min(j0+g.nb, g.n)
	// A chain that cannot rest in C rests in scratch.
	var c []float32
	ldc := 0
	rest := g.c.half || g.acc && g.k > g.kb
	if rest {
		ldc = j1 - j0
		c = w.take((i1 - i0) * ldc)
		if g.onto {
			for r := i0; r < i1; r++ {
				g.c.get(w.s, c[(r-i0)*ldc:][:ldc], r, j0)
			}
		}
	}
	top := w.top
	for k0 := 0; k0 == 0 || k0 < g.k; k0 += g.kb {
		w.top = top
		k1 := min(k0+g.kb, g.k)
		g.block(w, i0, i1, j0, j1, k0, k1, k0 == 0, k1 == g.k, c, ldc)
	}
	if rest {
		g.finish(w, i0, i1, j0, j1, c, ldc)
	}
}

// finish adds the old values where asked to and rounds the resting chain to C.
func (g *gemmCall) finish(w *worker, i0, i1, j0, j1 int, c []float32, ldc int) {
	buf := w.take(ldc)
	for r := i0; r < i1; r++ {
		sum := c[(r-i0)*ldc:][:ldc]
		if g.acc {
			w.s.add(sum, sum, g.c.row(w.s, r, j0, j1, buf))
		}
		g.c.put(w.s, r, j0, sum)
	}
}

// block continues the chains of rows [i0, i1) and columns [j0, j1) by steps [k0, k1). c is where
// the chain rests, the matrix C itself where nil.
func (g *gemmCall) block(w *worker, i0, i1, j0, j1, k0, k1 int, first, last bool, c []float32, ldc int) {
	t := tile{k: g.steps(k1 - k0), resume: g.onto || !first, add: g.acc && last && c == nil}
	if c == nil {
		c, ldc = g.c.f[i0*g.c.stride+j0:], g.c.stride
	}
	t.ldc = ldc
	a, rs, ks := g.blockA(w, i0, i1, k0, k1)
	t.rs, t.ks = rs, ks
	top := w.top
	var wide []float32 // copyCols columns of B
	for j := j0; j < j1; j += panelCols {
		t.n = min(panelCols, j1-j)
		c := c[j-j0:]
		var bias []float32
		if last && g.bias != nil {
			bias = g.bias[j : j+t.n]
		}
		kept := g.halfPanel(j, k0, k1)
		if kept != nil && g.as == floats && w.s.skinny(i1-i0, k1-k0) {
			w.s.productPairs(&t, c, a, kept, bias, i1-i0)
			continue
		}
		if p := g.int8Panel(j, k0, k1); p.q != nil && w.s.few(i1-i0) {
			w.s.productInt8(&t, c, a, p, bias, i1-i0)
			continue
		}
		var b []float32
		switch {
		case kept != nil && g.as != floats:
			b, t.ldb = kept, panelCols
		case g.how != copied:
			w.top = top
			b, t.ldb = g.panel(w, j, t.n, k0, k1, kept)
		default:
			at := (j - j0) % copyCols
			if at == 0 {
				w.top = top
				wide = w.take(t.k * copyDist)
				g.loadSteps(w, wide, copyDist, &g.b, k0, k1-k0, j, min(copyCols, j1-j))
			}
			b, t.ldb = wide[at:], copyDist
		}
		if !g.strips {
			g.multiply(w, &t, c, a, b, bias, i1-i0)
			continue
		}
		for r := 0; r < i1-i0; r += stripRows {
			g.multiply(w, &t, c[r*ldc:], a[r*t.k:], b, bias, min(stripRows, i1-i0-r))
		}
	}
}

// multiply is the primitive on operands that are pairs or not.
func (g *gemmCall) multiply(w *worker, t *tile, c, a, b, bias []float32, m int) {
	if g.as != floats {
		w.s.productDots(t, c, a, b, bias, m)
		return
	}
	w.s.product(t, c, a, b, bias, m)
}

func ceil(a, b int) int { return (a + b - 1) / b }
