package cpu

// How a task of a product reads its operands: where they lie, or from copies.

// packing says how a task reads B.
type packing uint8

const (
	packed    packing = iota // panels [K][32] made before: kept (see pack), or made by product for this call
	inPlace                  // rows of an f32 matrix [K][N]
	copied                   // rows of a matrix [K][N], copied to scratch block by block
	transpose                // columns of a matrix [N][K], transposed to scratch block by block
)

// rowsOf is how to read a B that is stored [k][n] for m rows of A. An f32 matrix is read where it
// lies if it is small or narrow; else its rows, far apart, crowd into few cache sets and many
// pages. A copy is then worth its time if enough rows share it: part by part in the task that
// needs it, or, for many rows, as panels of the whole.
func rowsOf(b *mat, m int) packing {
	switch {
	case !b.half && (b.stride < 512 || b.rows*b.stride <= 1<<16 || m <= 2*tileRows):
		return inPlace
	case m < packRows, m < manyRows && b.rows*b.cols > nearPanels:
		return copied
	}
	return packed
}

// Panels of all of B pay from packRows rows of A on; where they have more elements than a cache
// near by holds, from manyRows.
const packRows, manyRows, nearPanels = 256, 640, 1 << 21

// copyCall copies a matrix [K][N] to panels of some width, [N/width][steps][width], a run of rows a
// task: rows are read from end to end, which memory is fastest at.
type copyCall struct {
	dst   []float32
	src   mat
	width int
	steps int
	pairs bool // of rows of bf16, one step each
}

const copyRows = 32

func (c *copyCall) task(w *worker, i int) {
	k0 := i * copyRows
	c.rows(w, k0, min(copyRows, c.src.rows-k0))
}

// rows copies rows [k0, k0+rows).
func (c *copyCall) rows(w *worker, k0, rows int) {
	for j := 0; !c.pairs && j < c.src.cols; j += c.width {
		w.s.load(c.dst[j*c.steps+k0*c.width:], c.width, &c.src, k0, rows, j, min(c.width, c.src.cols-j))
	}
	if !c.pairs {
		return
	}
	line := mat{f: w.take(c.src.cols), rows: c.src.cols / c.width, cols: c.width, stride: c.width}
	whole, rest := line.rows*c.width, c.src.cols%c.width
	for r := 0; r < rows; r += 2 {
		at := (k0 + r) / 2 * c.width
		w.s.loadPairs(line.f, 0, &c.src, k0+r, min(2, rows-r), 0, c.src.cols)
		w.s.load(c.dst[at:], c.steps*c.width, &line, 0, line.rows, 0, c.width)
		if rest > 0 {
			copy(c.dst[whole*c.steps+at:][:rest], line.f[whole:])
		}
	}
}

// steps is how many words a chain of k steps takes in an operand.
func (g *gemmCall) steps(k int) int { return g.as.steps(k) }

// loadSteps copies rows of a matrix whose rows are steps of the reduction.
func (g *gemmCall) loadSteps(w *worker, dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	if g.as == pairs {
		w.s.loadPairs(dst, ldd, m, i, rows, j, cols)
		return
	}
	w.s.load(dst, ldd, m, i, rows, j, cols)
}

// halfPanel is steps [k0, k1) of the panel of bf16 that starts at column j, nil where there is none.
func (g *gemmCall) halfPanel(j, k0, k1 int) []float32 {
	if g.how != packed || g.panels.layout == floats || k0 == k1 {
		return nil
	}
	l := g.panels.layout
	return g.panels.f[((g.first+j/panelCols)*l.steps(g.k)+l.steps(k0))*panelCols:][:l.steps(k1-k0)*panelCols]
}

// blockA is rows [i0, i1) of A at steps [k0, k1) with its two strides: in place, or copied where A
// is bf16 or a transpose whose rows lie far apart. Where B is packed, too, the copy of a transpose is
// strips [k][12], one after the other.
func (g *gemmCall) blockA(w *worker, i0, i1, k0, k1 int) (a []float32, rs, ks int) {
	m := &g.a
	switch {
	case k0 == k1:
		return w.take(1), 0, 1
	case g.strips:
		steps := g.steps(k1 - k0)
		c := copyCall{dst: w.take(ceil(i1-i0, stripRows) * stripRows * steps), src: m.slice(k0, k1-k0).columns(i0, i1-i0), width: stripRows, steps: steps, pairs: g.as == pairs}
		for k := 0; k < k1-k0; k += copyRows {
			c.rows(w, k, min(copyRows, k1-k0-k))
		}
		return c.dst, 1, stripRows
	case g.swapA && !m.half && m.stride <= 384:
		return m.f[k0*m.stride+i0:], 1, m.stride
	case g.swapA:
		ld := i1 - i0
		a = w.take(g.steps(k1-k0) * ld)
		g.loadSteps(w, a, ld, m, k0, k1-k0, i0, ld)
		return a, 1, ld
	case !m.half:
		return m.f[i0*m.stride+k0:], m.stride, 1
	}
	ld := (g.steps(k1-k0)+15)&^15 + 16
	a = w.take((i1 - i0 + 1) * ld)
	switch g.as {
	case pairs:
		w.s.loadSwapped(a, ld, m, i0, i1-i0, k0, k1-k0)
	case quads:
		loadQuads(a, m, i0, i1-i0, k0, k1-k0)
	default:
		w.s.load(a, ld, m, i0, i1-i0, k0, k1-k0)
	}
	return a, ld, 1
}

// panel is columns [j, j+n) of B at steps [k0, k1), and the distance of its rows; kept is what
// halfPanel gives.
func (g *gemmCall) panel(w *worker, j, n, k0, k1 int, kept []float32) ([]float32, int) {
	if k0 == k1 {
		return w.take(panelCols), 0
	}
	if g.how == inPlace {
		return g.b.f[k0*g.b.stride+j:], g.b.stride
	}
	if g.how == packed && kept == nil && g.panels.q == nil {
		return g.panels.f[((g.first+j/panelCols)*g.k+k0)*panelCols:][:(k1-k0)*panelCols], panelCols
	}
	p := w.take((k1 - k0 + 3) * panelCols)
	switch {
	case g.how == packed && g.panels.q != nil:
		w.s.widenInt8(p, g.int8Panel(j, k0, k1))
	case g.how == packed:
		w.s.unpair(p, panelCols, kept, k1-k0)
	case g.as == quads:
		packQuads(p[:g.steps(k1-k0)*panelCols], &g.b, j, n, k0, k1)
	default:
		packPanel(w, p, panelCols, &g.b, j, n, k0, k1)
	}
	return p, panelCols
}
