//go:build !purego

package cpu

//go:noescape
func tile6NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile4NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile2NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile1NEON(t *tile, c, a, b, bias *float32, mode int)

func (isa) hasDots() bool { return false }

// tileOf is the rows of the next tile where some are left.
func (isa) tileOf(left, _ int) int {
	switch {
	case left >= 6 && left != 8:
		return 6
	case left >= 4:
		return 4
	case left >= 2:
		return 2
	}
	return 1
}

// tile runs the assembly of that many rows.
func (isa) tile(rows int, t *tile, c, a, b, bias *float32, mode int) {
	switch rows {
	case 6:
		tile6NEON(t, c, a, b, bias, mode)
	case 4:
		tile4NEON(t, c, a, b, bias, mode)
	case 2:
		tile2NEON(t, c, a, b, bias, mode)
	default:
		tile1NEON(t, c, a, b, bias, mode)
	}
}
