package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

// A mat is a tensor.Mat resolved to host memory. Exactly one of f and h is set where the matrix
// has elements: every operation computes on rows of f32, which a bf16 matrix widens on load
// (exactly) and rounds to on store.
type mat struct {
	f                  []float32
	h                  []uint16
	rows, cols, stride int
	half               bool // elements are bf16
}

// view resolves m. The zero Mat gives the zero mat, whose none() is true.
func view(op string, m tensor.Mat) mat {
	if m.IsZero() {
		return mat{}
	}
	v := mat{rows: m.Rows, cols: m.Cols, stride: m.Stride}
	switch m.Type {
	case tensor.F32:
		v.f = tensor.Elems[float32](m)
	case tensor.BF16:
		v.h, v.half = tensor.Elems[uint16](m), true
	default:
		kernels.Check(op, false, "the cpu backend computes on f32 and bf16, not %v", m)
	}
	return v
}

func (m *mat) none() bool { return m.f == nil && m.h == nil }

// row is columns [c0, c1) of row i as f32: the memory itself where m is f32, else widened into buf.
func (m *mat) row(s isa, i, c0, c1 int, buf []float32) []float32 {
	o := i * m.stride
	if m.half {
		buf = buf[:c1-c0]
		s.widen(buf, m.h[o+c0:o+c1])
		return buf
	}
	return m.f[o+c0 : o+c1 : o+c1]
}

// out is where to compute columns [c0, c1) of row i: the memory itself where m is f32, else buf,
// which store then rounds.
func (m *mat) out(i, c0, c1 int, buf []float32) []float32 {
	if m.half {
		return buf[:c1-c0]
	}
	o := i * m.stride
	return m.f[o+c0 : o+c1 : o+c1]
}

// store finishes what out or row began: it rounds src into columns c0… of row i of a bf16 matrix.
// An f32 matrix has been written in place.
func (m *mat) store(s isa, i, c0 int, src []float32) {
	if m.half {
		o := i*m.stride + c0
		s.narrow(m.h[o:o+len(src)], src)
	}
}

// put copies src, rounded, to columns c0… of row i.
func (m *mat) put(s isa, i, c0 int, src []float32) {
	o := i*m.stride + c0
	if m.half {
		s.narrow(m.h[o:o+len(src)], src)
		return
	}
	copy(m.f[o:o+len(src)], src)
}

// get copies columns c0… of row i, widened, to dst.
func (m *mat) get(s isa, dst []float32, i, c0 int) {
	o := i*m.stride + c0
	if m.half {
		s.widen(dst, m.h[o:o+len(dst)])
		return
	}
	copy(dst, m.f[o:o+len(dst)])
}

// slice is rows [from, from+n).
func (m mat) slice(from, n int) mat {
	m.rows = n
	if n == 0 || m.none() {
		return m
	}
	lo, hi := from*m.stride, (from+n-1)*m.stride+m.cols
	if m.half {
		m.h = m.h[lo:hi]
	} else {
		m.f = m.f[lo:hi]
	}
	return m
}

// columns is columns [from, from+n).
func (m mat) columns(from, n int) mat {
	m.cols = n
	if m.rows == 0 || m.none() {
		return m
	}
	if m.half {
		m.h = m.h[from:]
	} else {
		m.f = m.f[from:]
	}
	return m
}

// flat is m as one row where its rows follow each other without gaps, else m.
func (m mat) flat() mat {
	if m.stride == m.cols && m.rows > 1 {
		m.cols *= m.rows
		m.rows, m.stride = 1, m.cols
	}
	return m
}

func (m *mat) contiguous() bool { return m.stride == m.cols || m.rows <= 1 }
