//go:build !purego && (amd64 || arm64)

package cpu

import "spell/tensor"

// productInt8 is product with a panel of int8, read in place: few rows share the cost of
// widening it.
func (s isa) productInt8(t *tile, c, a []float32, b int8Panel, bias []float32, m int) {
	if m <= 0 || t.n <= 0 {
		return
	}
	b.check(t.k)
	t.check(c, a, bias, m)
	if s == avx512 {
		s.int8Tiles(t, c, a, b, bias, m)
		return
	}
	for j := 0; j < t.n; j += edgeCols {
		u, b := *t, int8Panel{b.q[j:], b.scale[j:]}
		if u.n = t.n - j; u.n >= edgeCols {
			u.n = edgeCols
			s.int8Tiles(&u, c[j:], a, b, from(bias, j), m)
			continue
		}
		var edge edgeTile
		for r := 0; r < m; r += edgeRows {
			rows := min(edgeRows, m-r)
			edge.begin(&u, c[j+r*u.ldc:], rows)
			s.int8Tiles(&tile{n: edgeCols, k: u.k, ldc: edgeCols, rs: u.rs, ks: u.ks, resume: true}, edge[:],
				a[r*u.rs:], b, nil, rows)
			edge.end(&u, c[j+r*u.ldc:], from(bias, j), rows)
		}
	}
}

// check panics if assembly would reach beyond the panel of k steps.
func (p int8Panel) check(k int) {
	_, _ = p.q[k*panelCols-1], p.scale[ceil(k, tensor.Int8Run)*panelCols-1]
}

// int8Tiles cuts m rows into those that tiles have.
func (s isa) int8Tiles(t *tile, c, a []float32, b int8Panel, bias []float32, m int) {
	var bp *float32
	if bias != nil {
		bp = &bias[0]
	}
	for r := 0; r < m; {
		rows := 1
		for _, n := range [...]int{8, 4, 2} {
			if m-r >= n && (n < 8 || s == avx512) {
				rows = n
				break
			}
		}
		s.int8Tile(rows, t, &c[r*t.ldc], &a[r*t.rs], &b.q[0], bp, &b.scale[0])
		r += rows
	}
}

// widenInt8 writes the panel as f32, [k][32].
func (s isa) widenInt8(dst []float32, b int8Panel) {
	k := len(b.q) / panelCols
	if s == generic || k == 0 {
		widenInt8Generic(dst, b)
		return
	}
	_ = dst[k*panelCols-1]
	b.check(k)
	s.widenInt8Panel(&dst[0], &b.q[0], &b.scale[0], k)
}
