package cpu

import "spell/tensor"

// Packed weights are kept between calls. They are derived data, so they follow one rule: a pack
// is valid until something is written to its arena, and the backend sees every write.
//
//   - Write, Zero, Copy and AdamW, by which parameters arrive, touch the arena (Version), which
//     makes its packs stale; memory is kept and filled again at the next use.
//   - An arena that any other operation has written holds activations or gradients. Its matrices
//     are never kept: each product transposes what it needs into scratch.
//
// Code outside the backend that changes parameters announces it with Arena.Touch.

// arenaState is what the backend knows about an arena.
type arenaState struct {
	scratch bool // written by an operation that does not write parameters
	packs   map[packKey]*pack
}

// drop frees the packs.
func (s *arenaState) drop() {
	for _, p := range s.packs {
		p.arena.Free()
	}
	s.packs = nil
}

type packKey struct {
	off, rows, cols, stride int
	typ                     tensor.DType
}

// A pack holds the panels of a transposed weight matrix [N, K]: panel p is the [K][32] array of columns
// 32p…, or, of bf16, an array of pairs or quads of steps; see layout. Columns beyond N are 0.
type pack struct {
	f       []float32
	layout  layout
	version uint64
	asked   uint64        // the version at which a pack was asked for and not made
	arena   *tensor.Arena // that holds them: packs are as large as the weights, and no business of the Go heap
}

// newPack maps memory for a pack, or returns nil where there is none left: then weights are
// transposed block by block, in every call.
func newPack(words int) *pack {
	a, err := tensor.MapArena("pack", 4*words)
	if err != nil {
		return nil
	}
	return &pack{f: tensor.Elems[float32](a.New(tensor.F32, 1, words)), arena: a}
}

func (b *Backend) state(a *tensor.Arena) *arenaState {
	s := b.arenas[a]
	if s == nil {
		for old, s := range b.arenas { // arenas their owners have freed
			if old.Host == nil {
				s.drop()
				delete(b.arenas, old)
			}
		}
		s = &arenaState{}
		b.arenas[a] = s
	}
	return s
}

// wrote notes that an operation wrote activations or gradients to m.
func (b *Backend) wrote(m tensor.Mat) {
	if m.IsZero() {
		return
	}
	if s := b.state(m.Arena); !s.scratch {
		s.scratch = true
		s.drop()
	}
}

// loaded notes that parameters may have been written to m.
func (b *Backend) loaded(m tensor.Mat) { m.Arena.Touch() }

// packOf is the packed panels of w for a product with that many rows, or nil where w is not a
// parameter. The first product of few rows after w has changed gets none either: making a pack
// costs more than to transpose w on the way, and pays from the second on.
func (b *Backend) packOf(w tensor.Mat, rows int) *pack {
	s := b.state(w.Arena)
	if s.scratch || w.Len() == 0 {
		return nil
	}
	m := view("MatMul", w)
	key := packKey{w.Off, w.Rows, w.Cols, w.Stride, w.Type}
	p := s.packs[key]
	if p == nil {
		if s.packs == nil {
			s.packs = map[packKey]*pack{}
		}
		l := b.packedLayout(m.half)
		if p = newPack(ceil(w.Rows, panelCols) * panelCols * l.steps(w.Cols)); p == nil {
			return nil
		}
		p.layout = l
		s.packs[key] = p
	}
	v := w.Arena.Version()
	if p.version != v && p.asked != v && rows <= tileRows {
		p.asked = v
		return nil
	}
	if p.version != v {
		c := &b.calls.pack
		*c = packCall{p, m}
		b.pool.do(c, ceil(w.Rows, panelCols), w.Len() > wideWork)
		p.version = v
	}
	return p
}

// passing is the memory of packs that are made for one call, kept for the next.
type passing struct{ *pack }

// room is a pack of that many words, of no particular contents.
func (p *passing) room(words int) *pack {
	if p.pack == nil || len(p.f) < words {
		p.free()
		if p.pack = newPack(words); p.pack == nil {
			p.pack = &pack{f: make([]float32, words)} // ends as the runtime ends where there is no memory left
		}
	}
	return p.pack
}

func (p *passing) free() {
	if p.pack != nil && p.arena != nil {
		p.arena.Free()
	}
	p.pack = nil
}

type packCall struct {
	*pack
	w mat
}

func (c *packCall) task(w *worker, i int) {
	j := i * panelCols
	cols := min(panelCols, c.w.rows-j)
	n := len(c.f) / ceil(c.w.rows, panelCols)
	switch panel := c.f[i*n:][:n]; c.layout {
	case pairs:
		packPairs(w, panel, &c.w, j, cols)
	case quads:
		packQuads(panel, &c.w, j, cols, 0, c.w.cols)
	default:
		packPanel(w, panel, panelCols, &c.w, j, cols, 0, c.w.cols)
	}
}

// packPanel fills p, rows of ld floats, with the transpose of rows [j, j+n) and columns [k0, k1)
// of m, 16 columns of p at a time. Columns from n to the next multiple of 16 are set to 0.
func packPanel(w *worker, p []float32, ld int, m *mat, j, n, k0, k1 int) {
	cols := k1 - k0
	if cols == 0 {
		return
	}
	top := w.top
	for r := 0; r < n; r += 16 {
		if !m.half && r+16 <= n {
			w.s.transpose(p[r:], ld, m.f[(j+r)*m.stride+k0:], m.stride, cols)
			continue
		}
		w.top = top
		buf := w.take(16 * cols)
		w.s.load(buf, cols, m, j+r, min(16, n-r), k0, cols)
		if r+16 > n {
			clear(buf[(n-r)*cols:])
		}
		w.s.transpose(p[r:], ld, buf, cols, cols)
	}
	w.top = top
}
