// Package ref is the oracle: every operation of kernels.Backend as the plain loops of its doc
// comment, computed in T. With T = float64 and matrices of type F64 it is what everything else is
// checked against, and what gradients are differentiated in. With F32 or BF16 matrices it computes
// in T and rounds to the types of the matrices.
//
// Nothing here is clever. If a loop could be shared or blocked it is not.
package ref

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// Backend computes in T.
type Backend[T tensor.Float] struct{}

// New returns the oracle computing in T.
func New[T tensor.Float]() *Backend[T] { return &Backend[T]{} }

var (
	_ kernels.Backend = New[float32]()
	_ kernels.Backend = New[float64]()
)

// Name returns "ref".
func (*Backend[T]) Name() string { return "ref" }

// Alloc maps host memory.
func (*Backend[T]) Alloc(name string, bytes int) (*tensor.Arena, error) {
	return tensor.MapArena(name, bytes)
}

// Close does nothing.
func (*Backend[T]) Close() error { return nil }

// A mat reads and writes single elements of a Mat as T.
type mat[T tensor.Float] struct {
	tensor.Mat
	f32 []float32
	f64 []float64
	u16 []uint16
	q   []int8 // with scales, tensor.Int8
	s   []float32

	words []uint32 // of M8 and V8: tensor.MomentRun
}

// readable opens an operand of any type.
func readable[T tensor.Float](m tensor.Mat) mat[T] {
	if m.Type == tensor.M8 || m.Type == tensor.V8 {
		return moments[T](m, m.Type)
	}
	return weights[T](m)
}

// weights opens an operand that may be I8.
func weights[T tensor.Float](m tensor.Mat) mat[T] {
	if m.IsZero() || m.Type != tensor.I8 {
		return open[T](m)
	}
	o := mat[T]{Mat: m}
	o.q, o.s = tensor.Int8(m)
	return o
}

// open gives access to the elements of a matrix, whose type must be one that can be written, too.
func open[T tensor.Float](m tensor.Mat) mat[T] {
	o := mat[T]{Mat: m}
	if m.IsZero() {
		return o
	}
	switch m.Type {
	case tensor.F32:
		o.f32 = tensor.Elems[float32](m)
	case tensor.F64:
		o.f64 = tensor.Elems[float64](m)
	case tensor.BF16:
		o.u16 = tensor.Elems[uint16](m)
	default:
		kernels.Check("ref", false, "no arithmetic on %s", m.Type)
	}
	return o
}

func (m *mat[T]) at(i, j int) T {
	n := i*m.Stride + j
	switch m.Type {
	case tensor.F32:
		return T(m.f32[n])
	case tensor.F64:
		return T(m.f64[n])
	case tensor.M8, tensor.V8:
		return m.moment(i, j)
	case tensor.I8:
		q, s := m.Int8At(i, j)
		return T(float32(m.q[q]) * m.s[s])
	}
	return T(tensor.BF16Float(m.u16[n]))
}

func (m *mat[T]) set(i, j int, v T) {
	n := i*m.Stride + j
	switch m.Type {
	case tensor.F32:
		m.f32[n] = float32(v)
	case tensor.F64:
		m.f64[n] = float64(v)
	default:
		m.u16[n] = tensor.BF16Bits(float32(v))
	}
}

func (m *mat[T]) add(i, j int, v T) { m.set(i, j, m.at(i, j)+v) }

// Write copies raw elements in.
func (*Backend[T]) Write(dst tensor.Mat, src []byte) {
	kernels.Check("Write", dst.Contiguous() && len(src) == dst.Len()*dst.Type.Size(), "%d bytes for %v", len(src), dst)
	off := dst.Off * dst.Type.Size()
	copy(dst.Arena.Host[off:off+len(src)], src)
	dst.Arena.Touch()
}

// Read copies raw elements out.
func (*Backend[T]) Read(dst []byte, src tensor.Mat) {
	kernels.Check("Read", src.Contiguous() && len(dst) == src.Len()*src.Type.Size(), "%d bytes for %v", len(dst), src)
	off := src.Off * src.Type.Size()
	copy(dst, src.Arena.Host[off:off+len(dst)])
}

// Zero clears dst.
func (*Backend[T]) Zero(dst tensor.Mat) {
	d := open[T](dst)
	for i := range d.Rows {
		for j := range d.Cols {
			d.set(i, j, 0)
		}
	}
}

// Copy converts src to the type of dst.
func (*Backend[T]) Copy(dst, src tensor.Mat) {
	kernels.CheckShape("Copy", "src", src, dst.Rows, dst.Cols)
	d, s := open[T](dst), readable[T](src)
	for i := range d.Rows {
		for j := range d.Cols {
			d.set(i, j, s.at(i, j))
		}
	}
}

// Quantize rounds runs of columns to integers with a scale.
func (*Backend[T]) Quantize(q, w tensor.Mat) {
	kernels.Check("Quantize", q.Type == tensor.I8, "%v is no int8 matrix", q)
	kernels.CheckShape("Quantize", "w", w, q.Rows, q.Cols)
	Q, W := weights[T](q), open[T](w)
	for i := range q.Rows {
		for j0 := 0; j0 < q.Cols; j0 += tensor.Int8Run {
			j1 := min(j0+tensor.Int8Run, q.Cols)
			var top float32
			for j := j0; j < j1; j++ {
				top = max(top, float32(math.Abs(float64(W.at(i, j))))) // NaN if one is
			}
			s := top / 127
			switch {
			case s < kernels.Int8Least:
				s = 0
			case math.IsInf(float64(s), 1):
				s = float32(math.NaN())
			}
			at, scale := q.Int8At(i, j0)
			Q.s[scale] = s
			for j := j0; j < j1; j, at = j+1, at+tensor.Int8Panel {
				Q.q[at] = 0
				if s > 0 {
					Q.q[at] = int8(math.RoundToEven(float64(float32(W.at(i, j)) / s)))
				}
			}
		}
	}
	q.Arena.Touch()
}

// Gather copies rows rows[i] of table to y.
func (*Backend[T]) Gather(y, table tensor.Mat, rows []int32) {
	kernels.CheckShape("Gather", "y", y, len(rows), table.Cols)
	kernels.CheckRows("Gather", rows, table.Rows)
	d, s := open[T](y), weights[T](table)
	for i, r := range rows {
		for j := range d.Cols {
			d.set(i, j, s.at(int(r), j))
		}
	}
}

// Scatter copies the rows of y to rows rows[i] of table.
func (*Backend[T]) Scatter(table, y tensor.Mat, rows []int32) {
	kernels.CheckShape("Scatter", "y", y, len(rows), table.Cols)
	kernels.CheckRows("Scatter", rows, table.Rows)
	d, s := open[T](table), open[T](y)
	for i, r := range rows {
		for j := range d.Cols {
			d.set(int(r), j, s.at(i, j))
		}
	}
}

// ScatterAdd adds the rows of dy to rows rows[i] of dtable.
func (*Backend[T]) ScatterAdd(dtable, dy tensor.Mat, rows []int32) {
	kernels.CheckShape("ScatterAdd", "dy", dy, len(rows), dtable.Cols)
	kernels.CheckRows("ScatterAdd", rows, dtable.Rows)
	d, s := open[T](dtable), open[T](dy)
	for i, r := range rows {
		for j := range s.Cols {
			d.add(int(r), j, s.at(i, j))
		}
	}
}

// MatMul computes x·wᵀ.
func (*Backend[T]) MatMul(y, x, w, bias tensor.Mat, acc bool) {
	kernels.CheckShape("MatMul", "y", y, x.Rows, w.Rows)
	kernels.Check("MatMul", x.Cols == w.Cols, "x is %v, w is %v", x, w)
	Y, X, W, B := open[T](y), open[T](x), weights[T](w), open[T](bias)
	for i := range Y.Rows {
		for o := range Y.Cols {
			var s T
			for k := range X.Cols {
				s += X.at(i, k) * W.at(o, k)
			}
			if !bias.IsZero() {
				s += B.at(0, o)
			}
			if acc {
				s += Y.at(i, o)
			}
			Y.set(i, o, s)
		}
	}
}

// MatMulGradX computes dy·w.
func (*Backend[T]) MatMulGradX(dx, dy, w tensor.Mat, acc bool) {
	kernels.CheckShape("MatMulGradX", "dx", dx, dy.Rows, w.Cols)
	kernels.Check("MatMulGradX", dy.Cols == w.Rows, "dy is %v, w is %v", dy, w)
	DX, DY, W := open[T](dx), open[T](dy), weights[T](w)
	for i := range DX.Rows {
		for k := range DX.Cols {
			var s T
			for o := range DY.Cols {
				s += DY.at(i, o) * W.at(o, k)
			}
			if acc {
				s += DX.at(i, k)
			}
			DX.set(i, k, s)
		}
	}
}

// MatMulGradW adds dyᵀ·x.
func (*Backend[T]) MatMulGradW(dw, db, dy, x tensor.Mat) {
	kernels.CheckShape("MatMulGradW", "dw", dw, dy.Cols, x.Cols)
	kernels.Check("MatMulGradW", dy.Rows == x.Rows, "dy is %v, x is %v", dy, x)
	DW, DB, DY, X := open[T](dw), open[T](db), open[T](dy), open[T](x)
	for o := range DW.Rows {
		for k := range DW.Cols {
			var s T
			for i := range DY.Rows {
				s += DY.at(i, o) * X.at(i, k)
			}
			DW.add(o, k, s)
		}
		if !db.IsZero() {
			var s T
			for i := range DY.Rows {
				s += DY.at(i, o)
			}
			DB.add(0, o, s)
		}
	}
}

// RopeTable fills the cosines and sines.
func (*Backend[T]) RopeTable(cs tensor.Mat, pos []int32, r kernels.Rotary) {
	kernels.CheckShape("RopeTable", "cs", cs, len(pos), r.Dim)
	kernels.Check("RopeTable", len(r.InvFreq) == r.Dim/2, "%d frequencies for heads of %d", len(r.InvFreq), r.Dim)
	C := open[T](cs)
	for i, p := range pos {
		for j, f := range r.InvFreq {
			sin, cos := math.Sincos(float64(p) * f)
			C.set(i, j, T(cos*r.Scale))
			C.set(i, j+r.Dim/2, T(sin*r.Scale))
		}
	}
}

// Rope rotates the heads of each row.
func (*Backend[T]) Rope(y, x, cs tensor.Mat, inverse bool) {
	kernels.CheckShape("Rope", "y", y, x.Rows, x.Cols)
	kernels.Check("Rope", cs.Rows == x.Rows && x.Cols%cs.Cols == 0, "x is %v, table %v", x, cs)
	Y, X, C := open[T](y), open[T](x), open[T](cs)
	d := cs.Cols
	for i := range Y.Rows {
		for h := 0; h < Y.Cols; h += d {
			for j := range d / 2 {
				c, s := C.at(i, j), C.at(i, j+d/2)
				if inverse {
					s = -s
				}
				a, b := X.at(i, h+j), X.at(i, h+j+d/2)
				Y.set(i, h+j, a*c-b*s)
				Y.set(i, h+j+d/2, b*c+a*s)
			}
		}
	}
}

// SwiGLU computes silu(gate)·up.
func (*Backend[T]) SwiGLU(y, gate, up tensor.Mat) {
	kernels.CheckShape("SwiGLU", "y", y, gate.Rows, gate.Cols)
	kernels.CheckShape("SwiGLU", "up", up, gate.Rows, gate.Cols)
	Y, G, U := open[T](y), open[T](gate), open[T](up)
	for i := range Y.Rows {
		for j := range Y.Cols {
			g := G.at(i, j)
			Y.set(i, j, g/(1+exp(-g))*U.at(i, j))
		}
	}
}

// SwiGLUGrad computes the gradient of SwiGLU.
func (*Backend[T]) SwiGLUGrad(dgate, dup, dy, gate, up tensor.Mat) {
	kernels.CheckShape("SwiGLUGrad", "dgate", dgate, gate.Rows, gate.Cols)
	kernels.CheckShape("SwiGLUGrad", "dup", dup, gate.Rows, gate.Cols)
	kernels.CheckShape("SwiGLUGrad", "dy", dy, gate.Rows, gate.Cols)
	kernels.CheckShape("SwiGLUGrad", "up", up, gate.Rows, gate.Cols)
	DG, DU, DY, G, U := open[T](dgate), open[T](dup), open[T](dy), open[T](gate), open[T](up)
	for i := range G.Rows {
		for j := range G.Cols {
			g, u, d := G.at(i, j), U.at(i, j), DY.at(i, j)
			s := 1 / (1 + exp(-g))
			DG.set(i, j, d*u*s*(1+g*(1-s)))
			DU.set(i, j, d*g*s)
		}
	}
}

func exp[T tensor.Float](x T) T  { return T(math.Exp(float64(x))) }
func log[T tensor.Float](x T) T  { return T(math.Log(float64(x))) }
func sqrt[T tensor.Float](x T) T { return T(math.Sqrt(float64(x))) }
