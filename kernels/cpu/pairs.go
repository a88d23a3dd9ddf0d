package cpu

import (
	"fmt"
	"math"
	"runtime"
	"unsafe"
)

// A pair is two bf16 in the place of one f32: an even step of a reduction in the upper half and the
// next in the lower. Weights of bf16 are packed in pairs. Few rows of f32 are multiplied with them as
// they lie, a half widened at a time; for many rows a panel is widened first; and where the processor
// multiplies pairs with pairs (VDPBF16PS) and is faster at it, both operands are pairs.
//
// That instruction adds the product of the upper halves first, each product by a fused multiply-add
// rounded to nearest even, with denormals as zeros: the same chain, to the bit, as the other two ways.
// Which way is fastest is therefore free to choose by measurement. (A sum of -0, which only products
// below the least normal number leave, is 0 after the missing step of an odd chain.)

// wholeWords says that words of bf16 can be read where they lie: little-endian, at any address.
const wholeWords = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"

// chooseDots resolves Options.Dots.
func (s isa) chooseDots(how string) (bool, error) {
	switch {
	case how == "off" || how == "" && !s.hasDots():
		return false, nil
	case how == "":
		return s.dotsFaster(), nil
	case how != "on":
		return false, fmt.Errorf("cpu backend: dots %q; there are on, off and, for the faster, none", how)
	case !s.hasDots():
		return false, fmt.Errorf("cpu backend: this processor or %v has no products of bf16 pairs", s)
	}
	return true, nil
}

// pairsOf says whether both operands of a product are to be pairs.
func (b *Backend) pairsOf(g *gemmCall) bool {
	return b.dots && g.how != transpose && g.a.half && g.b.half && g.k > 0
}

// loadPairs copies rows [i, i+rows) and columns [j, j+cols) of m, bf16, two rows a step: dst, rows of ldd
// words, has pairs of rows. A missing last row is 0.
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

// words is bf16 two by two as they lie in memory, the first in the lower half of a little-endian word.
func words(h []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(h))), len(h)/2)
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
