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
// Order of additions. MatMul and MatMulGradX: acc = 0, then acc = fma(a[k], b[k], acc) for k =
// 0…K-1, then + bias, then + the old value if asked to add. MatMulGradW: the chain starts from the
// stored value, so a batch cut into parts gives the bits of the whole. If K is blocked the chain
// goes on through memory in f32; if C is bf16 it is rounded once, at the end.

const (
	panelCols = 32  // columns of a panel of B
	stripRows = 12  // rows of a strip of A, those of the largest tile
	copyCols  = 128 // columns of B that are copied at once, to rows copyDist apart
	copyDist  = copyCols + 16

	// Columns of B that are packed at once are whole runs of int8, and with them whole panels.
	partCols = tensor.Int8Run

	// Reduction steps between which a tile of C rests in memory:
	packedK = 1024 // if B is packed
	otherK  = 512  // if a task reads B in place or has its own copy of a part
	smallMK = 128  // in place for few rows of A, where memory is the bound: B is read from end to end
)

// A gemmCall computes C (+)= A·B with C [m, n], A [m, k] and B [k, n].
type gemmCall struct {
	c, a, b mat
	m, n, k int
	bias    []float32 // n elements that are added to every row after the chains; nil: none

	swapA      bool // a holds the transpose of A
	accumulate bool // the chains start from C instead of 0, so that a batch may be cut
	add        bool // the old C is added after the chains

	layout     layout  // what both operands are multiplied as: floats, unless both are bf16
	source     bSource // how a task reads B
	panels     *pack   // B, if source is packed; nil until product has made it
	firstPanel int     // panels of others, packed before those of B
	stripsA    bool    // A, a transpose, is copied to strips [k][12] beside a packed B

	mb, nb, kb int // rows, columns and reduction steps that a task computes at once
	mTasks     int // tasks along the rows
}

// MatMul sets y[i][o] (+)= Σₖ x[i][k]*w[o][k] + bias[o].
func (b *Backend) MatMul(y, x, w, bias tensor.Mat, acc bool) {
	kernels.CheckShape("MatMul", "y", y, x.Rows, w.Rows)
	kernels.CheckShape("MatMul", "w", w, w.Rows, x.Cols)
	g := &b.calls.gemm
	*g = gemmCall{c: view("MatMul", y), a: view("MatMul", x), b: weights("MatMul", w), add: acc,
		m: x.Rows, n: w.Rows, k: x.Cols}
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

// MatMulGradX sets dx[i][k] (+)= Σₒ dy[i][o]*w[o][k].
func (b *Backend) MatMulGradX(dx, dy, w tensor.Mat, acc bool) {
	kernels.CheckShape("MatMulGradX", "dx", dx, dy.Rows, w.Cols)
	kernels.CheckShape("MatMulGradX", "w", w, dy.Cols, w.Cols)
	g := &b.calls.gemm
	*g = b.gradX(view("MatMulGradX", dx), view("MatMulGradX", dy), weights("MatMulGradX", w), acc)
	b.product(g)
	b.wrote(dx)
}

// MatMulGradW adds dw[o][k] += Σᵢ dy[i][o]*x[i][k] and db[o] += Σᵢ dy[i][o].
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

// gradX returns the call for dx.
func (b *Backend) gradX(dx, dy, w mat, acc bool) gemmCall {
	g := gemmCall{c: dx, a: dy, b: w, add: acc, m: dy.rows, n: w.cols, k: w.rows}
	b.setGradSource(&g)
	return g
}

// gradW returns the call for dw.
func (b *Backend) gradW(dw, dy, x mat) gemmCall {
	g := gemmCall{c: dw, a: dy, b: x, swapA: true, accumulate: true, m: dy.cols, n: x.cols, k: dy.rows}
	b.setGradSource(&g)
	return g
}

// setGradSource picks how B is read for a gradient, whose steps are rows of B. BFMMLA sums four
// steps at once, so that a batch cut elsewhere would change the result: it is not used here.
func (b *Backend) setGradSource(g *gemmCall) {
	g.source = rowsOf(&g.b, g.m)
	if l := b.multipliesAs(g); l == pairs {
		g.layout = l
	}
}

// product cuts a call into tasks and runs it. Panels made for this call take memory that is kept
// for the next. To bound it, the call runs in parts: of the columns of C, or of the reduction, if
// the chains start from C anyway and both operands have their steps in rows.
func (b *Backend) product(g *gemmCall) {
	if g.m == 0 || g.n == 0 || g.k == 0 && g.accumulate {
		return
	}
	if g.source != packed || g.panels != nil {
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
	step := max(b.packPart/max(g.k, 1)/partCols*partCols, partCols)
	for j0 := 0; j0 < whole.n; j0 += step {
		n := min(step, whole.n-j0)
		*g = whole
		g.c, g.b, g.n = whole.c.columns(j0, n), whole.b.columns(j0, n), n
		b.runPacked(g)
	}
}

// runPacked runs a call with panels of B made for it.
func (b *Backend) runPacked(g *gemmCall) {
	steps := g.steps(g.k)
	g.panels = b.calls.panels.room(ceil(g.n, panelCols) * panelCols * steps)
	g.panels.layout = g.layout
	c := &b.calls.copy
	*c = copyCall{dst: g.panels.f, src: g.b, width: panelCols, steps: steps, inPairs: g.layout == pairs}
	b.pool.do(c, ceil(g.k, copyRows), true)
	g.stripsA = g.swapA
	b.run(g)
}

// run runs a call whose panels are made.
func (b *Backend) run(g *gemmCall) {
	n, parallel := b.plan(g, len(b.pool.workers))
	if b.memoryBound(g) {
		b.pool.doInShares(g, n, parallel)
		return
	}
	b.pool.do(g, n, parallel)
}

// memoryBound reports whether a call reads packed weights for few rows, so that memory is the
// bound.
func (b *Backend) memoryBound(g *gemmCall) bool { return g.inPanels() && b.isa.smallM(g.m) }

// inPanels reports whether B lies in panels.
func (g *gemmCall) inPanels() bool { return g.source == packed || g.source == inPanels }

// plan cuts a call into tasks for workers workers and reports whether it is worth more than one.
func (b *Backend) plan(g *gemmCall, workers int) (tasks int, parallel bool) {
	flops, memoryBound := 2*g.m*g.n*g.k, b.memoryBound(g)
	parallel = workers > 1 && (flops > parallelFlops || memoryBound && g.n*g.k > parallelWeights)
	switch {
	case memoryBound:
		g.kb = max(g.k, 1) // memory is the bound: panels are read from end to end
	case g.stripsA:
		g.kb = 2 * packedK // C, which the chains start from, is passed over once more for each
	case g.inPanels():
		g.kb = packedK
	case g.source == inPlace && g.m <= 2*tileRows:
		g.kb = smallMK
	default:
		g.kb = otherK
	}
	g.mb, g.nb = g.m, ceil(g.n, panelCols)*panelCols
	if parallel || flops > 1<<24 {
		least := 3 * workers
		if memoryBound && g.m <= 2 {
			least = 8 * workers // memory serves now one, now another, and a task has little of A to read again
		}
		g.cut(workers, least)
	}
	if g.source == inBlocks {
		g.kb = max(g.blockSize()/g.nb&^63, 64)
	}
	g.mTasks = ceil(g.m, g.mb)
	return g.mTasks * ceil(g.n, g.nb), parallel
}

// parallelFlops is the size of product below which waking a worker costs more than it saves.
const parallelFlops = 1 << 20

// parallelWeights is the number of packed weights from which on more than one worker reads them for
// few rows: memory takes longer than another worker needs to join.
const parallelWeights = 1 << 15

// cut chooses the rows and columns of a task. A block of A should fit the second-level cache. If
// tasks copy their parts of A or B, large tasks share a copy. Several workers take smaller tasks,
// as square as they come, until there are least of them.
func (g *gemmCall) cut(workers, least int) {
	all := ceil(g.n, panelCols) * panelCols
	rows, cols := min(480, g.m), min(1024, all)
	if g.source == inPlace || g.source == packed && g.layout == g.panels.layout {
		rows = min(120, g.m)
	}
	switch {
	case g.stripsA:
		cols = all // one copy of the rows for all columns
	case g.source == inBlocks:
		cols = min(2*cols, all)
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

// A span is the part of a product that one step of a task computes: rows [i0, i1) and columns [j0,
// j1) of C over reduction steps [k0, k1).
type span struct{ i0, i1, j0, j1, k0, k1 int }

// rows returns the rows of C.
func (s *span) rows() int { return s.i1 - s.i0 }

// steps returns the reduction steps.
func (s *span) steps() int { return s.k1 - s.k0 }

func (g *gemmCall) task(w *worker, i int) {
	s := span{i0: i % g.mTasks * g.mb, j0: i / g.mTasks * g.nb}
	s.i1, s.j1 = min(s.i0+g.mb, g.m), min(s.j0+g.nb, g.n)
	// A chain that cannot rest in C between blocks of the reduction rests in scratch.
	var c []float32
	ldc := 0
	inScratch := g.c.half || g.add && g.k > g.kb
	if inScratch {
		ldc = s.j1 - s.j0
		c = w.take(s.rows() * ldc)
		if g.accumulate {
			for r := s.i0; r < s.i1; r++ {
				g.c.get(w.s, c[(r-s.i0)*ldc:][:ldc], r, s.j0)
			}
		}
	}
	mark := w.used
	for s.k0 = 0; s.k0 == 0 || s.k0 < g.k; s.k0 += g.kb {
		w.used = mark
		s.k1 = min(s.k0+g.kb, g.k)
		g.multiplySpan(w, s, c, ldc)
	}
	if inScratch {
		g.finish(w, s, c, ldc)
	}
}

// finish adds the old values of C to the finished chains in c, rows of ldc, if asked to, and rounds
// them to C.
func (g *gemmCall) finish(w *worker, s span, c []float32, ldc int) {
	buf := w.take(ldc)
	for r := s.i0; r < s.i1; r++ {
		sum := c[(r-s.i0)*ldc:][:ldc]
		if g.add {
			w.s.add(sum, sum, g.c.row(w.s, r, s.j0, s.j1, buf))
		}
		g.c.put(w.s, r, s.j0, sum)
	}
}

// multiplySpan continues the chains of s. They rest in c, rows of ldc, or in C itself if c is nil.
func (g *gemmCall) multiplySpan(w *worker, s span, c []float32, ldc int) {
	first, last, rows := s.k0 == 0, s.k1 == g.k, s.rows()
	t := tile{k: g.steps(s.steps()), resume: g.accumulate || !first, add: g.add && last && c == nil}
	if c == nil {
		c, ldc = g.c.f[s.i0*g.c.stride+s.j0:], g.c.stride
	}
	t.ldc = ldc
	a, rs, ks := g.spanA(w, &s)
	t.rs, t.ks = rs, ks
	mark := w.used
	var wide []float32  // copyCols columns of B
	var block []float32 // all columns of B, panels apart words apart
	var apart, ldb int
	if g.source == inBlocks {
		block, apart, ldb = g.block(w, &s)
		t.fetch = g.nextBlock(s)
		mark = w.used
	}
	for j := s.j0; j < s.j1; j += panelCols {
		t.n = min(panelCols, s.j1-j)
		c := c[j-s.j0:]
		var bias []float32
		if last && g.bias != nil {
			bias = g.bias[j : j+t.n]
		}
		kept := g.halfPanel(j, s.k0, s.k1)
		if kept != nil && g.layout == floats && w.s.readsPairs(rows, s.steps()) {
			w.s.productPairs(&t, c, a, kept, bias, rows)
			continue
		}
		if g.source == inPanels && s.steps() > 0 && w.s.smallM(rows) {
			w.s.productInt8(&t, c, a, g.b.panel(j/panelCols, s.k0, s.k1), bias, rows)
			continue
		}
		var b []float32
		if g.inPanels() {
			t.fetch = g.ahead(s, j)
		}
		switch {
		case g.source == inBlocks:
			b, t.ldb = block[(j-s.j0)*apart:], ldb
		case kept != nil && g.layout != floats:
			b, t.ldb = kept, panelCols
		case g.source != copied:
			w.used = mark
			b, t.ldb = g.panel(w, j, t.n, s.k0, s.k1, kept)
		default:
			at := (j - s.j0) % copyCols
			if at == 0 {
				w.used = mark
				wide = w.take(t.k * copyDist)
				g.loadSteps(w, wide, copyDist, &g.b, s.k0, s.steps(), j, min(copyCols, s.j1-j))
			}
			b, t.ldb = wide[at:], copyDist
		}
		if !g.stripsA {
			g.multiply(w, &t, c, a, b, bias, rows)
			continue
		}
		for r := 0; r < rows; r += stripRows {
			g.multiply(w, &t, c[r*ldc:], a[r*t.k:], b, bias, min(stripRows, rows-r))
		}
	}
}

// multiply calls the primitive for the layout of the operands: m rows of a and of c, one panel b.
func (g *gemmCall) multiply(w *worker, t *tile, c, a, b, bias []float32, m int) {
	if g.layout != floats {
		w.s.productDots(t, c, a, b, bias, m)
		return
	}
	w.s.product(t, c, a, b, bias, m)
}

// ceil returns a/b rounded up.
func ceil(a, b int) int { return (a + b - 1) / b }
