package cpu

import "unsafe"

// tileRows is the most rows of C that the primitive keeps in registers.
const tileRows = 12

// A tile describes one product of rows of A with one panel of B. Assembly reads its fields by name.
type tile struct {
	n, k        int  // columns (≤ panelCols), reduction steps
	ldc         int  // distance of rows of C
	rs, ks, ldb int  // distance of rows and steps of A, one of which is 1, and of rows of B
	resume      bool // the chains start from C, else from 0
	add         bool // the old C is added at the end
	fetch       fetch
}

// A fetch is memory that tiles prefetch while they compute, without effect on what they compute. Each
// tile of fetchRows rows or more takes a line for every step of a whole round.
type fetch struct {
	at    uintptr // first line of the next tile, 0 if there is none
	step  int     // bytes between lines
	next  int     // bytes from the first line of a tile to that of the next
	tiles int     // that have something to prefetch
}

const (
	fetchRows = 4
	lineBytes = 64
)

// fetchLines returns the fetch of memory without gaps by tiles of k steps.
func fetchLines[E float32 | uint16 | int8](m []E, k int) fetch {
	if k &^= 3; len(m) == 0 || k == 0 {
		return fetch{}
	}
	size := int(unsafe.Sizeof(m[0]))
	return fetch{at: uintptr(unsafe.Pointer(unsafe.SliceData(m))), step: lineBytes, next: k * lineBytes,
		tiles: ceil(size*len(m), k*lineBytes)}
}

// taken moves on to what the next tile prefetches.
func (f *fetch) taken() {
	if f.tiles--; f.tiles <= 0 {
		*f = fetch{}
		return
	}
	f.at += uintptr(f.next)
}

// productGeneric computes, for r < m and j < t.n,
//
//	acc := 0 or, to resume, c[r*ldc+j]
//	for l := range t.k { acc += a[r*rs+l*ks] * b[l*ldb+j] }
//	c[r*ldc+j] = acc + bias[j], + c[r*ldc+j] if t.add
func productGeneric(t *tile, c, a, b, bias []float32, m int) {
	var sum [2][panelCols]float32
	for r := 0; r < m; r += 2 {
		two := r+1 < m
		s0, s1 := &sum[0], &sum[1]
		c0 := c[r*t.ldc:][:t.n]
		c1 := c0
		if two {
			c1 = c[(r+1)*t.ldc:][:t.n]
		}
		if t.resume {
			copy(s0[:], c0)
			copy(s1[:], c1)
		} else {
			*s0, *s1 = [panelCols]float32{}, [panelCols]float32{}
		}
		for j := 0; j < t.n; j += 4 {
			if j+4 <= t.n && two {
				fourColumns(t, s0[j:j+4], s1[j:j+4], a[r*t.rs:], b[j:])
				continue
			}
			for q := j; q < min(j+4, t.n); q++ {
				x0, x1 := s0[q], s1[q]
				for l := range t.k {
					bv := b[l*t.ldb+q]
					x0 += float32(a[r*t.rs+l*t.ks] * bv)
					if two {
						x1 += float32(a[(r+1)*t.rs+l*t.ks] * bv)
					}
				}
				s0[q], s1[q] = x0, x1
			}
		}
		finishRow(t, c0, s0, bias)
		if two {
			finishRow(t, c1, s1, bias)
		}
	}
}

// fourColumns continues the chains of two rows and four columns, in registers.
func fourColumns(t *tile, s0, s1, a, b []float32) {
	_, _ = s0[3], s1[3]
	x0, x1, x2, x3 := s0[0], s0[1], s0[2], s0[3]
	y0, y1, y2, y3 := s1[0], s1[1], s1[2], s1[3]
	ai, bi, rs := 0, 0, t.rs
	for range t.k {
		q := b[bi : bi+4 : bi+4]
		a0, a1 := a[ai], a[ai+rs]
		x0 += float32(a0 * q[0])
		y0 += float32(a1 * q[0])
		x1 += float32(a0 * q[1])
		y1 += float32(a1 * q[1])
		x2 += float32(a0 * q[2])
		y2 += float32(a1 * q[2])
		x3 += float32(a0 * q[3])
		y3 += float32(a1 * q[3])
		ai += t.ks
		bi += t.ldb
	}
	s0[0], s0[1], s0[2], s0[3] = x0, x1, x2, x3
	s1[0], s1[1], s1[2], s1[3] = y0, y1, y2, y3
}

// finishRow adds the bias and the old C to the chains s of a row and stores them.
func finishRow(t *tile, c []float32, s *[panelCols]float32, bias []float32) {
	for j := range c {
		v := s[j]
		if bias != nil {
			v += bias[j]
		}
		if t.add {
			v += c[j]
		}
		c[j] = v
	}
}
