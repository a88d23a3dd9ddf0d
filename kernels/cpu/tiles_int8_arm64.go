//go:build !purego

package cpu

//go:noescape
func int8Tile4NEON(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile2NEON(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func int8Tile1NEON(t *tile, c, a *float32, b *int8, bias, scales *float32)

//go:noescape
func widenInt8NEON(dst *float32, b *int8, scales *float32, k int)

// int8Tile runs the assembly of rows rows.
func (isa) int8Tile(rows int, t *tile, c, a *float32, b *int8, bias, scales *float32) {
	switch rows {
	case 4:
		int8Tile4NEON(t, c, a, b, bias, scales)
	case 2:
		int8Tile2NEON(t, c, a, b, bias, scales)
	default:
		int8Tile1NEON(t, c, a, b, bias, scales)
	}
}

func (isa) widenInt8Panel(dst *float32, b *int8, scales *float32, k int) {
	widenInt8NEON(dst, b, scales, k)
}
