//go:build !purego

package cpu

//go:noescape
func int8Tile8AVX512(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile4AVX512(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile2AVX512(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile1AVX512(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile4AVX2(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile2AVX2(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile1AVX2(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func widenInt8AVX512(dst *float32, b *int8, scales *float32, k int)

//go:noescape
func widenInt8AVX2(dst *float32, b *int8, scales *float32, k int)

// int8Tile runs the assembly of rows rows.
func (s isa) int8Tile(rows int, t *tile, c, a *float32, b *int8, bias, scales *float32) {
	switch {
	case rows == 8:
		int8Tile8AVX512(t, c, a, b, bias, scales)
	case s == avx512 && rows == 4:
		int8Tile4AVX512(t, c, a, b, bias, scales)
	case s == avx512 && rows == 2:
		int8Tile2AVX512(t, c, a, b, bias, scales)
	case s == avx512:
		int8Tile1AVX512(t, c, a, b, bias, scales)
	case rows == 4:
		int8Tile4AVX2(t, c, a, b, bias, scales)
	case rows == 2:
		int8Tile2AVX2(t, c, a, b, bias, scales)
	default:
		int8Tile1AVX2(t, c, a, b, bias, scales)
	}
}

func (s isa) widenInt8Panel(dst *float32, b *int8, scales *float32, k int) {
	if s == avx512 {
		widenInt8AVX512(dst, b, scales, k)
	} else {
		widenInt8AVX2(dst, b, scales, k)
	}
}
