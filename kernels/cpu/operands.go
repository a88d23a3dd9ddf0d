package cpu

// How a task of a product reads its operands: where they lie, or from copies.

// A bSource says how a task reads B.
type bSource uint8

const (
	packed    bSource = iota // panels [K][32] made before: kept (see pack), or made by product for this call
	inPanels                 // panels of an I8 matrix [N][K], as they lie
	inPlace                  // rows of an f32 matrix [K][N]
	copied                   // rows of a matrix [K][N], copied to scratch block by block
	inBlocks                 // likewise, in blocks of few rows and many columns, and the next block is prefetched
	transpose                // columns of a matrix [N][K], transposed to scratch block by block
)

// rowsOf chooses how to read a B that is stored [k][n] for m rows of A. An f32 matrix is read in
// place if it is small or narrow; else its rows, far apart, crowd into few cache sets and many
// pages. A copy is then worth its time if enough rows share it: part by part in the task that needs
// it, or, for many rows, as panels of the whole. Rows of bf16 and int8 are always copied.
func rowsOf(b *mat, m int) bSource {
	switch {
	case !b.half && b.q == nil && (b.stride < 512 || b.rows*b.stride <= 1<<16 || m <= 2*tileRows):
		return inPlace
	case m <= fewRows:
		return inBlocks
	case m < packRows, m < manyRows && b.rows*b.cols > cachePanels:
		return copied
	}
	return packed
}

// fewRows is how many rows of A are too few to pay for copies: what counts is then that B is read
// from memory in its order, and while tiles compute.
const fewRows = 64

// blockSize returns the elements of B in a block, which stays in a second-level cache with C and what
// is prefetched of the next.
func (g *gemmCall) blockSize() int {
	if g.b.q != nil {
		return 1 << 18
	}
	return 1 << 17
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
	if g.source == packed && kept == nil {
		return g.panels.f[((g.firstPanel+j/panelCols)*g.k+k0)*panelCols:][:(k1-k0)*panelCols], panelCols
	}
	p := w.take((k1 - k0 + 3) * panelCols)
	switch {
	case g.source == inPanels:
		w.s.widenInt8(p, g.b.panel(j/panelCols, k0, k1))
	case g.source == packed:
		w.s.unpair(p, panelCols, kept, k1-k0)
	case g.layout == quads:
		packQuads(p[:g.steps(k1-k0)*panelCols], &g.b, j, n, k0, k1)
	default:
		packPanel(w, p, panelCols, &g.b, j, n, k0, k1)
	}
	return p, panelCols
}

// ahead returns what the tiles of the packed panel at column j prefetch: the panel after it, so that
// memory is read while they compute and not while the first of them waits for it. With few rows that
// wait is all there is, and the order of reading matters more.
func (g *gemmCall) ahead(s span, j int) fetch {
	if s.rows() <= tileRows || s.steps() == 0 {
		return fetch{}
	}
	steps := g.steps(s.steps())
	if j += panelCols; j >= s.j1 { // beyond the block of steps, or the task
		if s.k1 < g.k {
			j = s.j0
			s.k0, s.k1 = s.k1, min(s.k1+s.steps(), g.k)
		} else {
			s.k0, s.k1 = 0, min(g.kb, g.k)
		}
	}
	if g.source == inPanels {
		return fetchLines(part(g.b.q, j*g.b.stride+s.k0*panelCols, s.steps()*panelCols), steps)
	}
	panel := g.firstPanel + j/panelCols
	l := g.panels.layout
	from := (panel*l.steps(g.k) + l.steps(s.k0)) * panelCols
	return fetchLines(part(g.panels.f, from, l.steps(s.steps())*panelCols), steps)
}

// block returns B at the columns and steps of s, the distance of its panels divided by 32 and that of
// their rows: f32 as it lies, since the block before has brought all of it near, else copied to panels.
// Rows a multiple of a page apart are copied, too: few sets of the nearest cache would hold them all.
func (g *gemmCall) block(w *worker, s *span) (b []float32, apart, ldb int) {
	if g.b.f != nil && g.b.stride%1024 != 0 {
		return g.b.f[s.k0*g.b.stride+s.j0:], 1, g.b.stride
	}
	words, n := g.steps(s.steps()), s.j1-s.j0
	b = w.take(ceil(n, panelCols) * panelCols * words)
	for j := 0; j < n; j += panelCols {
		g.loadSteps(w, b[j*words:], panelCols, &g.b, s.k0, s.steps(), s.j0+j, min(panelCols, n-j))
	}
	return b, words, panelCols
}

// nextBlock returns what the tiles of a block prefetch: the rows of B that are copied after it, if a
// task takes them whole.
func (g *gemmCall) nextBlock(s span) fetch {
	if s.k1 == g.k || s.steps() == 0 || s.j1-s.j0 < g.n {
		return fetch{}
	}
	from, n, steps := s.k1*g.b.stride, min(s.steps(), g.k-s.k1)*g.b.stride, g.steps(s.steps())
	switch {
	case g.b.half:
		return fetchLines(part(g.b.h, from, n), steps)
	case g.b.q != nil:
		return fetchLines(part(g.b.q, from, n), steps)
	}
	return fetchLines(part(g.b.f, from, n), steps)
}

// part returns n elements of s from from on, or those that there are.
func part[E any](s []E, from, n int) []E { return s[min(from, len(s)):min(from+n, len(s))] }
