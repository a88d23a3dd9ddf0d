package cpu

import (
	"unsafe"

	"spell/tensor"
)

// streamCopy copies src to dst with streaming (non-temporal) stores, for data that no cache should
// keep: lines are written to memory without being read from there first. Another worker sees them
// when the task has ended, with the atomic addition that counts it.
func (s isa) streamCopy(dst, src []float32) {
	if uintptr(unsafe.Pointer(unsafe.SliceData(dst)))%tensor.Align != 0 {
		copy(dst, src)
		return
	}
	s.flowLines(dst, src)
}

// load copies rows [i, i+rows) and columns [j, j+cols) of m, widened, to dst, rows of ldd.
func (s isa) load(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	_ = dst[(rows-1)*ldd+cols-1] // the last element that assembly touches: out of range panics here
	if m.q != nil {
		m.loadInt8(s, dst, ldd, i, rows, j, cols)
		return
	}
	from, to := i*m.stride+j, (i+rows-1)*m.stride+j+cols
	if m.half {
		s.widenRows(dst, ldd, m.h[from:to], m.stride, rows, cols)
		return
	}
	s.copyRows(dst, ldd, m.f[from:to], m.stride, rows, cols)
}

// transpose sets dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols.
func (s isa) transpose(dst []float32, ldd int, src []float32, lds, cols int) {
	whole := cols &^ 3
	if whole > 0 {
		_, _ = dst[(whole-1)*ldd+15], src[15*lds+whole-1]
		s.transpose4(dst, ldd, src, lds, whole)
	}
	if whole < cols {
		transpose4Generic(dst[whole*ldd:], ldd, src[whole:], lds, cols-whole)
	}
}

// rotate is rotateRuns for any length, 0 included. cs has an even length, x a multiple of it.
func (s isa) rotate(y, x, cs []float32, sign float32) {
	if len(x) == 0 || len(cs) == 0 {
		return
	}
	_ = y[len(x)-1]
	s.rotateRuns(y, x[:len(x)/len(cs)*len(cs)], cs, sign)
}
