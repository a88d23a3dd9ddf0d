package cpu

import (
	"fmt"
	"math"
	"runtime"
	"unsafe"
)

// A layout says how an operand of a product lies in panels and strips: as f32, or as bf16 with
// several steps of the reduction side by side.
//
// A pair is two bf16 in the place of one f32: an even step in the upper half and the next in the
// lower. Few rows of f32 are multiplied with pairs as they lie, a half widened at a time. For many
// rows a panel is widened first. If the processor multiplies pairs with pairs (VDPBF16PS) and is
// faster at it, both operands are pairs. That instruction adds the product of the upper halves
// first, each product by a fused multiply-add rounded to nearest even, with denormals as zeros: the
// same chain, to the bit, as the other two ways. Which way is fastest is therefore free to choose
// by measurement. (A sum of -0, which only products below the least normal number leave, is 0 after
// the missing step of an odd chain.)
//
// A quad is four steps, as BFMMLA takes them. That instruction sums them in a way of its own. If it
// is used, all products with weights of bf16 use it, whatever the number of rows. Gradients, whose
// reduction may begin in the middle of a quad, do not.
type layout uint8

const (
	floats layout = iota
	pairs
	quads
)

// steps returns how many words of 32 bits k steps take.
func (l layout) steps(k int) int {
	switch l {
	case pairs:
		return (k + 1) / 2
	case quads:
		return (k + 3) / 4 * 2
	}
	return k
}

// wholeWords reports that words of bf16 can be read where they lie: little-endian, at any address.
const wholeWords = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"

// chooseDots resolves Options.Dots.
func (s isa) chooseDots(setting string) (bool, error) {
	l := s.dotLayout()
	switch {
	case setting == "off" || setting == "" && l == floats:
		return false, nil
	case setting == "":
		return l == quads || s.dotsFaster(), nil
	case setting != "on":
		return false, fmt.Errorf("cpu backend: dots %q; there are on, off and, for the best, none", setting)
	case l == floats:
		return false, fmt.Errorf("cpu backend: this processor or %v has no products of bf16", s)
	}
	return true, nil
}

// multipliesAs returns how the operands of a product of these types and lengths are multiplied.
func (b *Backend) multipliesAs(g *gemmCall) layout {
	if !b.dots || !g.a.half || !g.b.half || g.k == 0 {
		return floats
	}
	return b.isa.dotLayout()
}

// withWeights completes a product with weights: it reads the panels of p or of an I8 matrix that begins
// with a whole one, or transposes weights on the way.
func (b *Backend) withWeights(g *gemmCall, p *pack) {
	g.source, g.layout = transpose, b.multipliesAs(g)
	if g.b.q != nil && g.b.lane == 0 {
		g.source = inPanels
	}
	if p != nil && (p.layout != quads || g.layout == quads) {
		g.source, g.panels = packed, p
	}
	if g.source == transpose && g.layout == pairs {
		g.layout = floats
	}
}

// packedLayout returns the layout of the panels of weights, which are bf16 if half.
func (b *Backend) packedLayout(half bool) layout {
	switch {
	case !half:
		return floats
	case b.dots:
		return b.isa.dotLayout()
	}
	return pairs
}

// loadPairs copies rows [i, i+rows) and columns [j, j+cols) of m, bf16, two rows per step: dst,
// rows of ldd words, has pairs of rows. A missing last row is 0.
func (s isa) loadPairs(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	for r := 0; r < rows; r += 2 {
		o := (i+r)*m.stride + j
		to, upper := dst[r/2*ldd:][:cols], m.h[o:][:cols]
		if r+1 < rows {
			s.pair(to, upper, m.h[o+m.stride:][:cols])
		} else {
			s.widen(to, upper)
		}
	}
}

// loadSwapped copies the same elements with pairs of columns in a word.
func (s isa) loadSwapped(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	for r := range rows {
		from, to := m.h[(i+r)*m.stride+j:][:cols], dst[r*ldd:][:(cols+1)/2]
		if cols >= 2 {
			s.swap(to[:cols/2], words(from))
		}
		if cols%2 == 1 {
			to[cols/2] = math.Float32frombits(uint32(from[cols-1]) << 16)
		}
	}
}

// unpair widens k steps of a panel of pairs to dst, rows of ldd.
func (s isa) unpair(dst []float32, ldd int, panel []float32, k int) {
	s.upperRows(dst, 2*ldd, panel, panelCols, (k+1)/2, panelCols)
	if k > 1 {
		s.lowerRows(dst[ldd:], 2*ldd, panel, panelCols, k/2, panelCols)
	}
}

// words returns bf16 two by two as they lie in memory, the first in the lower half of a
// little-endian word.
func words(h []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(h))), len(h)/2)
}

// loadQuads copies rows [i, i+rows) and columns [j, j+cols) of m, bf16, to strips [q][R][4] of 8
// rows and, for the last, of 4 or 2: see quadRows. Missing rows and columns are 0.
func loadQuads(dst []float32, m *mat, i, rows, j, cols int) {
	q := (cols + 3) / 4
	for r := 0; r < rows; {
		n := quadRows(rows - r)
		strip := halves(dst[r*2*q:][:n*2*q])
		for k := range n {
			if r+k < rows {
				spreadQuads(strip[4*k:], 4*n, m.h[(i+r+k)*m.stride+j:][:cols])
			} else {
				spreadQuads(strip[4*k:], 4*n, nil)
			}
		}
		r += n
	}
}

// packQuads fills a panel [q][32][4] with rows [j, j+n) and columns [k0, k1) of m, bf16. Missing
// rows and columns are 0.
func packQuads(panel []float32, m *mat, j, n, k0, k1 int) {
	all := halves(panel)
	for c := range panelCols {
		if c < n {
			spreadQuads(all[4*c:], 4*panelCols, m.h[(j+c)*m.stride+k0:][:k1-k0])
		} else {
			spreadQuads(all[4*c:], 4*panelCols, nil)
		}
	}
}

// spreadQuads copies quads of src, and then zeros, to dst at distance step, as many as dst has.
func spreadQuads(dst []uint16, step int, src []uint16) {
	for ; ; dst = dst[step:] {
		d := dst[:4:4]
		if len(src) >= 4 {
			d[0], d[1], d[2], d[3] = src[0], src[1], src[2], src[3]
			src = src[4:]
		} else {
			clear(d[copy(d, src):])
			src = nil
		}
		if len(dst) < step+4 {
			return
		}
	}
}

// quadRows returns the rows of the next strip if left are left: one more at most, at the end.
func quadRows(left int) int {
	switch {
	case left > 6:
		return 8
	case left > 2:
		return 4
	}
	return 2
}

// halves returns words two by two.
func halves(f []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(f))), 2*len(f))
}

// packPairs fills a panel with the pairs of rows [j, j+n) of m, bf16. Columns from n on are 0.
func packPairs(w *worker, panel []float32, m *mat, j, n int) {
	if n <= panelCols/2 {
		clear(panel)
	}
	if wholeWords && m.stride%2 == 0 && m.cols%2 == 0 {
		m := mat{f: words(m.h), rows: m.rows, cols: m.cols / 2, stride: m.stride / 2}
		packPanel(w, panel, panelCols, &m, j, n, 0, m.cols)
		w.s.swap(panel, panel)
		return
	}
	steps := w.take(m.cols * panelCols)
	packPanel(w, steps, panelCols, m, j, n, 0, m.cols)
	for k := 0; k < m.cols; k += 2 {
		to, from := panel[k/2*panelCols:], steps[k*panelCols:]
		for c := range n {
			v := math.Float32bits(from[c])
			if k+1 < m.cols {
				v |= math.Float32bits(from[panelCols+c]) >> 16
			}
			to[c] = math.Float32frombits(v)
		}
	}
}
