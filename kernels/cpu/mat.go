package cpu

import (
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

// A mat is a tensor.Mat resolved to host memory. If the matrix has elements, exactly one of f, h
// and q is set. Every operation computes on rows of f32, which a bf16 matrix widens on load
// (exactly) and rounds to on store. An I8 matrix is only read.
type mat struct {
	f                  []float32
	h                  []uint16
	q                  []int8 // from the panel of the first row on, which is at place lane of it
	scale              []float32
	lane               int // with q and scale: tensor.Int8
	rows, cols, stride int
	half               bool // elements are bf16
	streaming          bool // what is written bypasses the caches; see streamingView
}

// view resolves m, which operations may write to. The zero Mat gives the zero mat, whose none() is
// true.
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

// weights resolves an operand that may be I8.
func weights(op string, m tensor.Mat) mat {
	if m.IsZero() || m.Type != tensor.I8 {
		return view(op, m)
	}
	v := mat{rows: m.Rows, cols: m.Cols, stride: m.Stride, lane: m.Lane()}
	v.q, v.scale = tensor.Int8(m)
	return v
}

// none reports whether m has no elements, or stands for an operand left out.
func (m *mat) none() bool { return m.f == nil && m.h == nil && m.q == nil }

// row returns columns [c0, c1) of row i as f32: the memory itself if m is f32, else widened into
// buf.
func (m *mat) row(s isa, i, c0, c1 int, buf []float32) []float32 {
	if m.q != nil {
		m.dequantize(buf[:c1-c0], i, c0)
		return buf[:c1-c0]
	}
	o := i * m.stride
	if m.half {
		buf = buf[:c1-c0]
		s.widen(buf, m.h[o+c0:o+c1])
		return buf
	}
	return m.f[o+c0 : o+c1 : o+c1]
}

// stageCols is the elements of a row that are computed in scratch at a time if they cannot be
// computed in place: few enough to stay in the first-level cache.
const stageCols = 1 << 10

// streamingView resolves m, the output of a call whose other operands are others, to be written
// with streaming stores if all are together too large for the caches. A store through the caches
// first reads the line from memory: past them, a copy moves two thirds of the bytes.
func (b *Backend) streamingView(op string, m tensor.Mat, others ...tensor.Mat) mat {
	v := view(op, m)
	n := m.Len() * m.Type.Size()
	for _, o := range others {
		n += o.Len() * o.Type.Size()
	}
	v.streaming = n >= b.streamBytes
	return v
}

// out returns where to compute columns [c0, c1) of row i, at most stageCols: the memory itself if m
// is f32, else buf, which store then rounds.
func (m *mat) out(i, c0, c1 int, buf []float32) []float32 {
	if m.half || m.streaming {
		return buf[:c1-c0]
	}
	o := i * m.stride
	return m.f[o+c0 : o+c1 : o+c1]
}

// store finishes what out or row began: it rounds src, which it may overwrite, into columns c0… of
// row i of a bf16 matrix. An f32 matrix has been written in place, unless it is streaming.
func (m *mat) store(s isa, i, c0 int, src []float32) {
	if m.half {
		m.round(s, i, c0, src, src)
	} else if m.streaming {
		m.put(s, i, c0, src)
	}
}

// round rounds src into columns c0… of row i of a bf16 matrix, perhaps by way of buf, which has
// the length of src and may be src.
func (m *mat) round(s isa, i, c0 int, src, buf []float32) {
	if m.streaming {
		h := halves(buf)[:len(src)]
		s.narrow(h, src) // from the front, where it has read before it writes
		m.putHalf(s, i, c0, h)
		return
	}
	m.put(s, i, c0, src)
}

// putHalf copies src to columns c0… of row i of a bf16 matrix.
func (m *mat) putHalf(s isa, i, c0 int, src []uint16) {
	o := i*m.stride + c0
	dst := m.h[o : o+len(src)]
	if m.streaming && len(src)%2 == 0 {
		s.streamCopy(words(dst), words(src))
		return
	}
	copy(dst, src)
}

// put copies src, rounded, to columns c0… of row i.
func (m *mat) put(s isa, i, c0 int, src []float32) {
	o := i*m.stride + c0
	if m.half {
		s.narrow(m.h[o:o+len(src)], src)
		return
	}
	dst := m.f[o : o+len(src)]
	if m.streaming {
		s.streamCopy(dst, src)
		return
	}
	copy(dst, src)
}

// words returns m with its elements taken two by two for f32, if they are bf16 and all can be.
func (m mat) words() mat {
	if m.half && m.cols%2 == 0 && m.stride%2 == 0 && uintptr(unsafe.Pointer(unsafe.SliceData(m.h)))%4 == 0 {
		m.f, m.h, m.half = words(m.h), nil, false
		m.cols, m.stride = m.cols/2, m.stride/2
	}
	return m
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

// slice returns rows [from, from+n).
func (m mat) slice(from, n int) mat {
	m.rows = n
	if n == 0 || m.none() {
		return m
	}
	lo, hi := from*m.stride, (from+n-1)*m.stride+m.cols
	switch {
	case m.q != nil:
		from += m.lane
		m.lane = from % panelCols
		lo = (from - m.lane) * m.stride
		m.q, m.scale = m.q[lo:], m.scale[lo/4:]
	case m.half:
		m.h = m.h[lo:hi]
	default:
		m.f = m.f[lo:hi]
	}
	return m
}

// columns returns columns [from, from+n). In an I8 matrix a run starts at from.
func (m mat) columns(from, n int) mat {
	m.cols = n
	if m.rows == 0 || m.none() {
		return m
	}
	switch {
	case m.half:
		m.h = m.h[from:]
	case m.q != nil:
		m.q, m.scale = m.q[from*panelCols:], m.scale[from/tensor.Int8Run*panelCols:]
	default:
		m.f = m.f[from:]
	}
	return m
}

// flat returns m as one row if its rows follow each other without gaps, else m.
func (m mat) flat() mat {
	if m.stride == m.cols && m.rows > 1 {
		m.cols *= m.rows
		m.rows, m.stride = 1, m.cols
	}
	return m
}

// contiguous reports whether the rows follow each other without gaps.
func (m *mat) contiguous() bool { return m.stride == m.cols || m.rows <= 1 }
