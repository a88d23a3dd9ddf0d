//go:build !purego

package cpu

import (
	"math"
	"time"

	"github.com/klauspost/cpuid/v2"
)

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

//go:noescape
func tile6AVX2(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile4AVX2(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile2AVX2(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile1AVX2(t *tile, c, a, b, bias *float32, mode int)

// dotLayout returns the layout of bf16 that s multiplies as it is: floats if it does not.
func (s isa) dotLayout() layout {
	if s == avx512 && cpuid.CPU.Supports(cpuid.AVX512BF16) {
		return pairs
	}
	return floats
}

// productDots is product of pairs and pairs, t.k of them per chain, for the instruction set that
// multiplies them as they are.
func (s isa) productDots(t *tile, c, a, b, bias []float32, m int) {
	if m <= 0 || t.n <= 0 {
		return
	}
	_ = b[(t.k-1)*t.ldb+panelCols-1]
	t.check(c, a, bias, m)
	s.productTiles(t, c, a, &b[0], bias, m, dots)
}

// dotsFaster reports whether tiles of pairs take less time than tiles of f32.
func (s isa) dotsFaster() bool { return s.timeOf(dots) < s.timeOf(whole) }

// timeOf returns the shortest time of a tile of 256 steps in that mode.
func (s isa) timeOf(mode int) time.Duration {
	const k = 256
	a, b, c := make([]float32, tileRows*k), make([]float32, k*panelCols), make([]float32, tileRows*panelCols)
	t := tile{n: panelCols, k: k, ldc: panelCols, rs: k, ks: 1, ldb: panelCols}
	if mode == dots {
		t.k /= 2
	}
	best := time.Duration(math.MaxInt64)
	for range 20 {
		start := time.Now()
		for range 4 {
			s.productTiles(&t, c, a, &b[0], nil, tileRows, mode)
		}
		best = min(best, time.Since(start))
	}
	return best
}

// tileOf returns the rows of the next tile if left are left.
func (s isa) tileOf(left, mode int) int {
	switch {
	case s == avx512 && left >= 12 && left != 16 && mode != paired:
		return 12
	case s == avx512 && left >= 8:
		return 8
	case s == avx2 && left >= 6 && left != 8:
		return 6
	case left >= 4:
		return 4
	case left >= 2:
		return 2
	}
	return 1
}

// tile runs the assembly of rows rows.
func (s isa) tile(rows int, t *tile, c, a, b, bias *float32, mode int) {
	if s == avx512 {
		switch rows {
		case 12:
			tile12AVX512(t, c, a, b, bias, mode)
		case 8:
			tile8AVX512(t, c, a, b, bias, mode)
		case 4:
			tile4AVX512(t, c, a, b, bias, mode)
		case 2:
			tile2AVX512(t, c, a, b, bias, mode)
		default:
			tile1AVX512(t, c, a, b, bias, mode)
		}
		return
	}
	switch rows {
	case 6:
		tile6AVX2(t, c, a, b, bias, mode)
	case 4:
		tile4AVX2(t, c, a, b, bias, mode)
	case 2:
		tile2AVX2(t, c, a, b, bias, mode)
	default:
		tile1AVX2(t, c, a, b, bias, mode)
	}
}
