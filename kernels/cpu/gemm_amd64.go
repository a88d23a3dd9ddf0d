//go:build !purego

package cpu

import "unsafe"

// How a tile reads B.
const (
	whole  = iota // 32 columns
	ragged        // t.n columns, where memory may end
	half          // 32 columns of bf16, t.ldb half their distance
)

// tileNAVX512 is productGeneric for N rows of C, each step one fused multiply-add. The operands
// must reach as far as t says; bias may be nil.

//go:noescape
func tile12AVX512(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile8AVX512(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile4AVX512(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile2AVX512(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile1AVX512(t *tile, c, a, b, bias *float32, mode int)

func (s isa) product(t *tile, c, a, b, bias []float32, m int) {
	if s != avx512 {
		productGeneric(t, c, a, b, bias, m)
		return
	}
	if m <= 0 || t.n <= 0 {
		return
	}
	// The last elements that assembly touches: an index out of range panics here.
	mode := whole
	if t.k > 0 {
		_ = b[(t.k-1)*t.ldb+t.n-1]
		if t.n < panelCols && len(b) < (t.k-1)*t.ldb+panelCols {
			mode = ragged
		}
	}
	t.strips(c, a, &b[0], bias, m, tileRows, mode)
}

// skinny says whether productHalf takes products of m rows.
func (s isa) skinny(m int) bool { return s == avx512 && m <= 16 }

// productHalf is product with a packed panel of bf16, read where it lies: few rows share the cost
// of widening it.
func (s isa) productHalf(t *tile, c, a []float32, b []uint16, bias []float32, m int) {
	if m <= 0 || t.n <= 0 {
		return
	}
	_ = b[t.k*panelCols-1]
	h := *t
	h.ldb = panelCols / 2
	h.strips(c, a, (*float32)(unsafe.Pointer(&b[0])), bias, m, 8, half)
}

// strips cuts m rows into those that tiles have, up to most.
func (t *tile) strips(c, a []float32, b *float32, bias []float32, m, most, mode int) {
	_ = c[(m-1)*t.ldc+t.n-1]
	if t.k > 0 {
		_ = a[(m-1)*t.rs+(t.k-1)*t.ks]
	}
	var bp *float32
	if bias != nil {
		_ = bias[t.n-1]
		bp = &bias[0]
	}
	for r := 0; r < m; {
		cp, ap := &c[r*t.ldc], &a[r*t.rs]
		switch left := m - r; {
		case left >= 12 && left != 16 && most >= 12:
			tile12AVX512(t, cp, ap, b, bp, mode)
			r += 12
		case left >= 8:
			tile8AVX512(t, cp, ap, b, bp, mode)
			r += 8
		case left >= 4:
			tile4AVX512(t, cp, ap, b, bp, mode)
			r += 4
		case left >= 2:
			tile2AVX512(t, cp, ap, b, bp, mode)
			r += 2
		default:
			tile1AVX512(t, cp, ap, b, bp, mode)
			r++
		}
	}
}
