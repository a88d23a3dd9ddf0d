package cpu

import "spell/tensor"

// Packed weights are kept between calls. They are derived data, so they follow one rule: a pack is
// fresh until something is written to its matrix, and the backend sees every write.
//
//   - Write, Zero, Copy and AdamW, by which parameters arrive, make the packs stale that overlap
//     what they write, and no others. Memory is kept, and filled again at the next use.
//   - AdamW writes the packs of its matrix itself, panel by panel, from values that it has just
//     computed, so that they stay fresh: see refreshes.
//   - An arena that any other operation has written holds activations or gradients. Its matrices
//     are never kept: each product transposes what it needs into scratch.
//
// Code outside the backend that changes parameters announces it with Arena.Touch, which makes all
// packs of the arena stale. To find code that forgets, build with the tag invariants: then every
// use of a pack compares it with the weights, and panics where they differ.

// An arenaState is what the backend knows about an arena.
type arenaState struct {
	// scratch: an operation that does not write parameters has written to it, so that nothing in it
	// is kept packed.
	scratch bool
	version uint64            // of the arena, up to which the packs reflect every change
	packs   map[packKey]*pack // nil before the first
}

// touched makes every pack stale if others have touched the arena.
func (s *arenaState) touched(a *tensor.Arena) {
	if v := a.Version(); v != s.version {
		s.version = v
		for _, p := range s.packs {
			p.expire()
		}
	}
}

// changed makes the packs stale that overlap m. Other backends learn of it by the arena's version.
func (s *arenaState) changed(m tensor.Mat) {
	s.touched(m.Arena)
	for k, p := range s.packs {
		if k.overlaps(m) {
			p.expire()
		}
	}
	s.announce(m.Arena)
}

// announce touches the arena; its packs reflect the change already.
func (s *arenaState) announce(a *tensor.Arena) {
	a.Touch()
	if a.Version() == s.version+1 { // and nobody else did meanwhile
		s.version++
	}
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

func keyOf(m tensor.Mat) packKey { return packKey{m.Off, m.Rows, m.Cols, m.Stride, m.Type} }

// overlaps reports whether the memory of the two meets, gaps between rows included.
func (k packKey) overlaps(m tensor.Mat) bool {
	if m.Len() == 0 {
		return false
	}
	end := func(k packKey) int { return (k.off + (k.rows-1)*k.stride + k.cols) * k.typ.Size() }
	n := keyOf(m)
	return k.off*k.typ.Size() < end(n) && n.off*n.typ.Size() < end(k)
}

// rowIn returns the row of m with which the matrix begins, and reports whether all of it is rows of
// m.
func (k packKey) rowIn(m tensor.Mat) (int, bool) {
	if k.typ != m.Type || k.stride != m.Stride || k.cols != m.Cols || k.off < m.Off || (k.off-m.Off)%m.Stride != 0 {
		return 0, false
	}
	r := (k.off - m.Off) / m.Stride
	return r, r+k.rows <= m.Rows
}

// A pack holds the panels of a transposed weight matrix [N, K]: panel p is the [K][32] array of
// columns 32p…, or, of bf16, an array of pairs or quads of steps; see layout. Columns beyond N are 0.
// I8 matrices lie in panels themselves and have none.
type pack struct {
	f      []float32
	layout layout
	fresh  bool          // holds the weights as they are
	used   bool          // read by a product since the weights last changed
	asked  bool          // wanted by a product since the weights last changed, and not made
	arena  *tensor.Arena // holds the panels, which are as large as the weights: no business of the Go heap
}

// expire makes the pack stale.
func (p *pack) expire() { p.fresh, p.used, p.asked = false, false, false }

// newPack maps memory for a pack, or returns nil if there is none left: then weights are transposed
// block by block, in every call.
func newPack(words int, l layout) *pack {
	a, err := tensor.MapArena("pack", 4*words)
	if err != nil {
		return nil
	}
	return &pack{f: tensor.Elems[float32](a.New(tensor.F32, 1, words)), layout: l, arena: a}
}

// packWords returns the words of the pack of weights of that shape and type, and how they lie in it.
func (b *Backend) packWords(rows, cols int, t tensor.DType) (int, layout) {
	l := b.packedLayout(t == tensor.BF16)
	return ceil(rows, panelCols) * panelCols * l.steps(cols), l
}

// state returns what is known about an arena, and forgets arenas that their owners have freed.
func (b *Backend) state(a *tensor.Arena) *arenaState {
	s := b.arenas[a]
	if s == nil {
		for old, s := range b.arenas { // arenas their owners have freed
			if old.Host == nil {
				s.drop()
				delete(b.arenas, old)
			}
		}
		s = &arenaState{version: a.Version()}
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
func (b *Backend) loaded(m tensor.Mat) { b.state(m.Arena).changed(m) }

// packOf returns the packed panels of w for a product of rows rows, or nil if w is not a parameter.
// The first product of few rows after w has changed gets none either: making a pack costs more than
// to transpose w on the way, and pays from the second on.
func (b *Backend) packOf(w tensor.Mat, rows int) *pack {
	s := b.state(w.Arena)
	if s.scratch || w.Len() == 0 || w.Type == tensor.I8 {
		return nil
	}
	s.touched(w.Arena)
	m := view("MatMul", w)
	key := keyOf(w)
	p := s.packs[key]
	if p == nil {
		if s.packs == nil {
			s.packs = map[packKey]*pack{}
		}
		if p = newPack(b.packWords(w.Rows, w.Cols, w.Type)); p == nil {
			return nil
		}
		s.packs[key] = p
	}
	if !p.fresh && !p.asked && rows <= tileRows {
		p.asked = true
		return nil
	}
	if !p.fresh {
		c := &b.calls.pack
		*c = packCall{p, m}
		b.pool.do(c, ceil(w.Rows, panelCols), w.Len() > parallelWork)
	}
	p.fresh, p.used = true, true
	if invariants {
		p.mustHold(w)
	}
	return p
}

// A panelScratch is the memory of packs that are made for one call, kept for the next.
type panelScratch struct{ *pack }

// room returns a pack of words words, of no particular contents.
func (p *panelScratch) room(words int) *pack {
	if p.pack == nil || len(p.f) < words {
		p.free()
		if p.pack = newPack(words, floats); p.pack == nil {
			p.pack = &pack{f: make([]float32, words)} // ends as the runtime ends where there is no memory left
		}
	}
	return p.pack
}

// free gives the memory back.
func (p *panelScratch) free() {
	if p.pack != nil && p.arena != nil {
		p.arena.Free()
	}
	p.pack = nil
}

// A packCall fills the pack of w, a panel per task.
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

// put writes steps [k0, k0+n) of panel j of a pack of K steps from src, rows of 32 in f32: exactly,
// or rounded to bf16.
func (p *pack) put(w *worker, j, k0, n, K int, src []float32, streaming bool) {
	at := (j*p.layout.steps(K) + p.layout.steps(k0)) * panelCols
	if p.layout == floats {
		to := mat{f: p.f, streaming: streaming}
		to.put(w.s, 0, at, src)
		return
	}
	m := mat{h: halves(w.take((n*panelCols + 1) / 2)), half: true, rows: n, cols: panelCols, stride: panelCols}
	w.s.narrow(m.h, src)
	if p.layout == pairs {
		w.s.loadPairs(p.f[at:], panelCols, &m, 0, n, 0, panelCols)
		return
	}
	to := halves(p.f[at:][:quads.steps(n)*panelCols])
	clear(to)
	for i, v := range m.h {
		k, c := i/panelCols, i%panelCols
		to[(k/4*panelCols+c)*4+k%4] = v
	}
}

// packPanel fills p, rows of ld floats, with the transpose of rows [j, j+n) and columns [k0, k1) of
// m, 16 columns of p at a time. Columns from n to the next multiple of 16 are set to 0.
func packPanel(w *worker, p []float32, ld int, m *mat, j, n, k0, k1 int) {
	cols := k1 - k0
	if cols == 0 {
		return
	}
	mark := w.used
	for r := 0; r < n; r += 16 {
		if m.f != nil && r+16 <= n {
			w.s.transpose(p[r:], ld, m.f[(j+r)*m.stride+k0:], m.stride, cols)
			continue
		}
		w.used = mark
		buf := w.take(16 * cols)
		w.s.load(buf, cols, m, j+r, min(16, n-r), k0, cols)
		if r+16 > n {
			clear(buf[(n-r)*cols:])
		}
		w.s.transpose(p[r:], ld, buf, cols, cols)
	}
	w.used = mark
}
