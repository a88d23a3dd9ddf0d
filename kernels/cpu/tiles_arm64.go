//go:build !purego

package cpu

import "github.com/klauspost/cpuid/v2"

//go:noescape
func tile6NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile4NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile2NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func tile1NEON(t *tile, c, a, b, bias *float32, mode int)

//go:noescape
func quads8NEON(c, a, b *float32, q int)

//go:noescape
func quads4NEON(c, a, b *float32, q int)

//go:noescape
func quads2NEON(c, a, b *float32, q int)

// dotLayout returns the layout of bf16 that s multiplies as it is: floats if it does not.
func (s isa) dotLayout() layout {
	if s == neon && cpuid.CPU.Supports(cpuid.BF16) {
		return quads
	}
	return floats
}

func (isa) dotsFaster() bool { return true }

// productDots is product of an A and a panel of quads, t.k words of them per chain.
func (s isa) productDots(t *tile, c, a, b, bias []float32, m int) {
	if m <= 0 || t.n <= 0 {
		return
	}
	_, _, _ = b[t.k*panelCols-1], a[(m+1)/2*2*t.k-1], c[(m-1)*t.ldc+t.n-1]
	var sums [8 * panelCols]float32
	for r := 0; r < m; {
		n := quadRows(m - r)
		clear(sums[:])
		for i := r; t.resume && i < min(r+n, m); i++ {
			copy(sums[(i-r)*panelCols:], c[i*t.ldc:][:t.n])
		}
		switch at := &a[r*t.k]; n {
		case 8:
			quads8NEON(&sums[0], at, &b[0], t.k/2)
		case 4:
			quads4NEON(&sums[0], at, &b[0], t.k/2)
		default:
			quads2NEON(&sums[0], at, &b[0], t.k/2)
		}
		for i := r; i < min(r+n, m); i++ {
			sum, to := sums[(i-r)*panelCols:][:t.n], c[i*t.ldc:][:t.n]
			if bias != nil {
				s.add(sum, sum, bias[:t.n])
			}
			if t.add {
				s.add(to, sum, to)
			} else {
				copy(to, sum)
			}
		}
		r += n
	}
}

// tileOf returns the rows of the next tile if left are left.
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

// tile runs the assembly of rows rows.
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
