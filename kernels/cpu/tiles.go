//go:build !purego && (amd64 || arm64)

package cpu

// How a tile reads B.
const (
	whole  = iota // all columns of the tile
	ragged        // t.n columns, where memory may end: AVX-512 alone
	paired        // all columns, of pairs of bf16, beside an A of f32
	dots          // likewise, and A is pairs, too: AVX-512 alone
)

// edgeCols is the number of columns of the tiles that have no masks: AVX2 and NEON.
const edgeCols = 16

// product does what productGeneric does, each step one fused multiply-add. Of t.rs and t.ks one is
// 1.
func (s isa) product(t *tile, c, a, b, bias []float32, m int) {
	if s == generic {
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
	t.check(c, a, bias, m)
	if s == avx512 {
		s.productTiles(t, c, a, &b[0], bias, m, mode)
		return
	}
	for j := 0; j < t.n; j += edgeCols {
		u := *t
		if u.n = t.n - j; u.n >= edgeCols {
			u.n = edgeCols
			s.productTiles(&u, c[j:], a, &b[j], from(bias, j), m, whole)
			t.fetch = u.fetch
		} else {
			u.productEdge(s, c[j:], a, b[j:], from(bias, j), m)
		}
	}
}

// smallM reports whether products of m rows read packed weights in place: with productInt8, or with
// productPairs if readsPairs says so, too.
func (s isa) smallM(m int) bool { return s != generic && m <= 16 }

// readsPairs reports whether a product of m rows and k steps reads a panel of pairs in place, with
// productPairs.
func (s isa) readsPairs(m, k int) bool { return s.smallM(m) && k%2 == 0 }

// productPairs is product with a packed panel of pairs, read in place: few rows share the cost of
// widening it.
func (s isa) productPairs(t *tile, c, a, b, bias []float32, m int) {
	if m <= 0 || t.n <= 0 {
		return
	}
	_ = b[t.k/2*panelCols-1]
	t.check(c, a, bias, m)
	p := *t
	p.ldb = panelCols
	if s == avx512 {
		s.productTiles(&p, c, a, &b[0], bias, m, paired)
		return
	}
	for j := 0; j < t.n; j += edgeCols {
		u, b := p, &b[j]
		if u.n = t.n - j; u.n >= edgeCols {
			u.n = edgeCols
			s.productTiles(&u, c[j:], a, b, from(bias, j), m, paired)
			continue
		}
		var edge edgeTile
		for r := 0; r < m; r += edgeRows {
			rows := min(edgeRows, m-r)
			edge.begin(&u, c[j+r*u.ldc:], rows)
			s.productTiles(&tile{n: edgeCols, k: u.k, ldc: edgeCols, rs: u.rs, ks: u.ks, ldb: u.ldb, resume: true},
				edge[:], a[r*u.rs:], b, nil, rows, paired)
			edge.end(&u, c[j+r*u.ldc:], from(bias, j), rows)
		}
	}
}

// from returns bias[j:], nil if there is none.
func from(bias []float32, j int) []float32 {
	if bias == nil {
		return nil
	}
	return bias[j:]
}

// check panics if assembly would reach beyond C, A or the bias.
func (t *tile) check(c, a, bias []float32, m int) {
	_ = c[(m-1)*t.ldc+t.n-1]
	if t.k > 0 {
		_ = a[(m-1)*t.rs+(t.k-1)*t.ks]
	}
	if bias != nil {
		_ = bias[t.n-1]
	}
}

// productTiles cuts m rows into those that tiles have.
func (s isa) productTiles(t *tile, c, a []float32, b *float32, bias []float32, m, mode int) {
	var bp *float32
	if bias != nil {
		bp = &bias[0]
	}
	for r := 0; r < m; {
		rows := s.tileOf(m-r, mode)
		s.tile(rows, t, &c[r*t.ldc], &a[r*t.rs], b, bp, mode)
		if rows >= fetchRows {
			t.fetch.taken()
		}
		r += rows
	}
}

const (
	edgeRows  = 6  // rows of C in an edge tile
	edgeSteps = 64 // rows of B copied at once
)

// An edgeTile holds some rows of the last columns of C, which are fewer than those of a tile.
type edgeTile [edgeRows * edgeCols]float32

// begin loads the chains from C to resume them, else clears them.
func (e *edgeTile) begin(t *tile, c []float32, rows int) {
	clear(e[:])
	for i := range rows {
		if t.resume {
			copy(e[i*edgeCols:][:t.n], c[i*t.ldc:])
		}
	}
}

// end adds the bias and the old C to the chains and stores them.
func (e *edgeTile) end(t *tile, c, bias []float32, rows int) {
	for i := range rows {
		for j := range t.n {
			v := e[i*edgeCols+j]
			if bias != nil {
				v += bias[j]
			}
			if t.add {
				v += c[i*t.ldc+j]
			}
			c[i*t.ldc+j] = v
		}
	}
}

// productEdge is product for fewer columns than a tile has, through copies of C and of B.
func (t *tile) productEdge(s isa, c, a, b, bias []float32, m int) {
	var edge edgeTile
	var copied [edgeSteps * edgeCols]float32
	for r := 0; r < m; r += edgeRows {
		rows := min(edgeRows, m-r)
		edge.begin(t, c[r*t.ldc:], rows)
		for k0 := 0; k0 < t.k; k0 += edgeSteps {
			u := tile{n: edgeCols, k: min(edgeSteps, t.k-k0), ldc: edgeCols, rs: t.rs, ks: t.ks, ldb: edgeCols,
				resume: true}
			for k := range u.k {
				copy(copied[k*edgeCols:][:t.n], b[(k0+k)*t.ldb:])
			}
			s.productTiles(&u, edge[:], a[r*t.rs+k0*t.ks:], &copied[0], nil, rows, whole)
		}
		edge.end(t, c[r*t.ldc:], bias, rows)
	}
}
