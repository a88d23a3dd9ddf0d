package cpu

// How a task of a product reads its operands: where they lie, or from copies.

// A bSource says how a task reads B.
type bSource uint8

const (
	// panels [K][32]: kept (see pack), or made by product for this call
	packed    bSource = iota // panels [K][32] made before: kept (see pack), or made by product for this call
	inPlace                  // rows of an f32 matrix [K][N]
	copied                   // rows of a matrix [K][N], copied to scratch block by block
	transpose                // columns of a matrix [N][K], transposed to scratch block by block
)

// rowsOf chooses how to read a B that is stored [k][n] for m rows of A. An f32 matrix is read in
// place if it is small or narrow; else its rows, far apart, crowd into few cache sets and many
// pages. A copy is then worth its time if enough rows share it: part by part in the task that needs
// it, or, for many rows, as panels of the whole.
func rowsOf(b *mat, m int) bSource {
	switch {
	case !b.half && (b.stride < 512 || b.rows*b.stride <= 1<<16 || m <= 2*tileRows):
		return inPlace
	case m < packRows, m < manyRows && b.rows*b.cols > cachePanels:
		return copied
	}
	return packed
}

// Panels of all of B pay from packRows rows of A on; if they have more elements than cachePanels,
// which a cache near by holds, from manyRows.
const packRows, manyRows, cachePanels = 256, 640, 1 << 21

// A copyCall copies a matrix [K][N] to panels of some width, [N/width][steps][width]. A task takes
// a run of rows: rows are read from end to end, which memory is fastest at.
type copyCall struct {
	dst     []float32
	src     mat
	width   int
	steps   int  // words of a column of a panel
	inPairs bool // two rows of bf16 make a step
}

const copyRows = 32

func (c *copyCall) task(w *worker, i int) {
	k0 := i * copyRows
	c.rows(w, k0, min(copyRows, c.src.rows-k0))
}

// rows copies rows [k0, k0+rows).
func (c *copyCall) rows(w *worker, k0, rows int) {
	for j := 0; !c.inPairs && j < c.src.cols; j += c.width {
		w.s.load(c.dst[j*c.steps+k0*c.width:], c.width, &c.src, k0, rows, j, min(c.width, c.src.cols-j))
	}
	if !c.inPairs {
		return
	}
	row := mat{f: w.take(c.src.cols), rows: c.src.cols / c.width, cols: c.width, stride: c.width}
	whole, left := row.rows*c.width, c.src.cols%c.width
	for r := 0; r < rows; r += 2 {
		at := (k0 + r) / 2 * c.width
		w.s.loadPairs(row.f, 0, &c.src, k0+r, min(2, rows-r), 0, c.src.cols)
		w.s.load(c.dst[at:], c.steps*c.width, &row, 0, row.rows, 0, c.width)
		if left > 0 {
			copy(c.dst[whole*c.steps+at:][:left], row.f[whole:])
		}
	}
}

// steps returns how many words a chain of k steps takes in an operand.
func (g *gemmCall) steps(k int) int { return g.layout.steps(k) }

// loadSteps copies rows of a matrix whose rows are steps of the reduction.
func (g *gemmCall) loadSteps(w *worker, dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	if g.layout == pairs {
		w.s.loadPairs(dst, ldd, m, i, rows, j, cols)
		return
	}
	w.s.load(dst, ldd, m, i, rows, j, cols)
}

// halfPanel returns steps [k0, k1) of the panel of bf16 that starts at column j, nil if B is not
// packed bf16.
func (g *gemmCall) halfPanel(j, k0, k1 int) []float32 {
	if g.source != packed || g.panels.layout == floats || k0 == k1 {
		return nil
	}
	l := g.panels.layout
	return g.panels.f[((g.firstPanel+j/panelCols)*l.steps(g.k)+l.steps(k0))*panelCols:][:l.steps(k1-k0)*panelCols]
}

// spanA returns A at the rows and steps of s, and the strides of its rows and steps. It is read in
// place, or copied if A is bf16 or a transpose whose rows lie far apart. If B is packed, too, the
// copy of a transpose is strips [k][12], one after the other.
func (g *gemmCall) spanA(w *worker, s *span) (a []float32, rs, ks int) {
	m, rows, steps := &g.a, s.rows(), s.steps()
	switch {
	case steps == 0:
		return w.take(1), 0, 1
	case g.stripsA:
		words := g.steps(steps)
		c := copyCall{dst: w.take(ceil(rows, stripRows) * stripRows * words),
			src: m.slice(s.k0, steps).columns(s.i0, rows), width: stripRows, steps: words, inPairs: g.layout == pairs}
		for k := 0; k < steps; k += copyRows {
			c.rows(w, k, min(copyRows, steps-k))
		}
		return c.dst, 1, stripRows
	case g.swapA && !m.half && m.stride <= 384:
		return m.f[s.k0*m.stride+s.i0:], 1, m.stride
	case g.swapA:
		a = w.take(g.steps(steps) * rows)
		g.loadSteps(w, a, rows, m, s.k0, steps, s.i0, rows)
		return a, 1, rows
	case !m.half:
		return m.f[s.i0*m.stride+s.k0:], m.stride, 1
	}
	ld := (g.steps(steps)+15)&^15 + 16
	a = w.take((rows + 1) * ld)
	switch g.layout {
	case pairs:
		w.s.loadSwapped(a, ld, m, s.i0, rows, s.k0, steps)
	case quads:
		loadQuads(a, m, s.i0, rows, s.k0, steps)
	default:
		w.s.load(a, ld, m, s.i0, rows, s.k0, steps)
	}
	return a, ld, 1
}

// panel returns columns [j, j+n) of B at steps [k0, k1), and the distance of its rows. kept is what
// halfPanel returned.
func (g *gemmCall) panel(w *worker, j, n, k0, k1 int, kept []float32) ([]float32, int) {
	if k0 == k1 {
		return w.take(panelCols), 0
	}
	if g.source == inPlace {
		return g.b.f[k0*g.b.stride+j:], g.b.stride
	}
	if g.source == packed && kept == nil && g.panels.q == nil {
		return g.panels.f[((g.firstPanel+j/panelCols)*g.k+k0)*panelCols:][:(k1-k0)*panelCols], panelCols
	}
	p := w.take((k1 - k0 + 3) * panelCols)
	switch {
	case g.source == packed && g.panels.q != nil:
		w.s.widenInt8(p, g.int8Panel(j, k0, k1))
	case g.source == packed:
		w.s.unpair(p, panelCols, kept, k1-k0)
	case g.layout == quads:
		packQuads(p[:g.steps(k1-k0)*panelCols], &g.b, j, n, k0, k1)
	default:
		packPanel(w, p, panelCols, &g.b, j, n, k0, k1)
	}
	return p, panelCols
}
