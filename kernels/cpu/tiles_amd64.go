//go:build !purego

package cpu

import "github.com/klauspost/cpuid/v2"

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

// hasDots says whether s multiplies pairs of bf16 with pairs.
func (s isa) hasDots() bool { return s == avx512 && cpuid.CPU.Supports(cpuid.AVX512BF16) }

// tileOf is the rows of the next tile where some are left.
func (s isa) tileOf(left, mode int) int {
	switch {
	case s == avx512 && left >= 12 && left != 16 && mode != pairs:
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

// tile runs the assembly of that many rows.
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
