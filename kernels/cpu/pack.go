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

type packKey struct {
	off, rows, cols, stride int
	typ                     tensor.DType
}

// A pack holds the panels of a transposed weight matrix [N, K]: panel p is the [K][32] array
// of columns 32p…; columns beyond N are 0.
type pack struct {
	panels  []float32
	version uint64
}

func (b *Backend) state(a *tensor.Arena) *arenaState {
	s := b.arenas[a]
	if s == nil {
		for old := range b.arenas { // arenas their owners have freed
			if old.Host == nil {
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
		s.scratch, s.packs = true, nil
	}
}

// loaded notes that parameters may have been written to m.
func (b *Backend) loaded(m tensor.Mat) { m.Arena.Touch() }

// packOf is the packed panels of w, or nil where w is not a parameter.
func (b *Backend) packOf(w tensor.Mat) []float32 {
	s := b.state(w.Arena)
	if s.scratch || w.Len() == 0 {
		return nil
	}
	key := packKey{w.Off, w.Rows, w.Cols, w.Stride, w.Type}
	p := s.packs[key]
	if p == nil {
		if s.packs == nil {
			s.packs = map[packKey]*pack{}
		}
		p = &pack{panels: make([]float32, ceil(w.Rows, panelCols)*panelCols*w.Cols)}
		s.packs[key] = p
	}
	if v := w.Arena.Version(); p.version != v {
		c := &b.calls.pack
		*c = packCall{panels: p.panels, w: view("MatMul", w)}
		b.pool.do(c, ceil(w.Rows, panelCols), w.Len() > wideWork)
		p.version = v
	}
	return p.panels
}

type packCall struct {
	panels []float32
	w      mat
}

func (c *packCall) task(w *worker, i int) {
	n := panelCols * c.w.cols
	packPanel(w, c.panels[i*n:][:n], panelCols, &c.w, i*panelCols, min(panelCols, c.w.rows-i*panelCols), 0, c.w.cols)
}

// packPanel fills p, rows of ld floats, with the transpose of rows [j, j+n) and columns [k0, k1)
// of m. Columns from n to the end of the last panel are 0.
func packPanel(w *worker, p []float32, ld int, m *mat, j, n, k0, k1 int) {
	if n%panelCols != 0 {
		clear(p[:(k1-k0)*ld])
	}
	if n == 0 || k0 == k1 {
		return
	}
	if !m.half {
		w.s.transpose(p, ld, m.f[j*m.stride+k0:], m.stride, n, k1-k0)
		return
	}
	top := w.top
	buf := w.take(16 * (k1 - k0))
	for r := 0; r < n; r += 16 {
		rows := min(16, n-r)
		gather(w, buf, m, j+r, rows, k0, k1-k0)
		w.s.transpose(p[r:], ld, buf, k1-k0, rows, k1-k0)
	}
	w.top = top
}
