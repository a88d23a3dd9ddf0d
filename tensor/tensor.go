// Package tensor holds the nouns of the engine: element types, arenas and matrix views.
//
// A Mat is a view: it says where numbers lie and never touches them. Only a backend (package
// kernels) reads or writes the memory of an Arena, through its operations or its explicit copies,
// so that the memory may as well be a GPU's.
package tensor

import "fmt"

// DType is the type of a matrix element.
type DType uint8

// The element types. I8 is for weights that are only read: integers with scales, see Int8Run. M8
// and V8 are for the first and the second moments of an optimizer, see MomentRun. F64 exists for
// the oracle alone: gradients are checked in it.
const (
	F32 DType = iota
	BF16
	F16
	I8
	F64
	M8
	V8
)

// Size returns the bytes of one element.
func (t DType) Size() int {
	switch t {
	case F32:
		return 4
	case BF16, F16:
		return 2
	case I8, M8, V8:
		return 1
	case F64:
		return 8
	}
	panic(fmt.Sprintf("tensor: unknown dtype %d", t))
}

// String returns the lower-case short name: f32, bf16, f16, i8, f64, m8, v8.
func (t DType) String() string {
	switch t {
	case F32:
		return "f32"
	case BF16:
		return "bf16"
	case F16:
		return "f16"
	case I8:
		return "i8"
	case F64:
		return "f64"
	case M8:
		return "m8"
	case V8:
		return "v8"
	}
	return fmt.Sprintf("dtype(%d)", uint8(t))
}

// A Mat is a row-major matrix view into an Arena: element (i, j) lies at element offset Off +
// i*Stride + j, counted in elements of Type (for M8 and V8, bytes). I8 has a layout of its own: see
// Int8Run. The zero Mat stands for "none".
type Mat struct {
	Arena  *Arena
	Off    int // elements from the arena's start
	Rows   int
	Cols   int
	Stride int // elements between rows, ≥ Cols
	Type   DType

	lane int // of I8: the place of the first row in its panel, which begins at Off
}

// IsZero reports whether m is the zero Mat, the argument for an optional operand left out.
func (m Mat) IsZero() bool { return m.Arena == nil }

// Len returns the number of elements, Rows × Cols.
func (m Mat) Len() int { return m.Rows * m.Cols }

// Contiguous reports whether the elements follow each other without gaps. Those of I8, M8 and V8
// never do.
func (m Mat) Contiguous() bool { return !m.Type.scaled() && (m.Stride == m.Cols || m.Rows <= 1) }

// scaled reports whether elements share scales, which lie beside them.
func (t DType) scaled() bool { return t == I8 || t.coded() }

// Slice returns the view of rows [from, to).
func (m Mat) Slice(from, to int) Mat {
	if from < 0 || to < from || to > m.Rows {
		panic(fmt.Sprintf("tensor: rows [%d, %d) of a matrix of %d rows", from, to, m.Rows))
	}
	m.Rows = to - from
	if m.Type == I8 {
		from += m.lane
		m.lane = from % Int8Panel
		from -= m.lane
	}
	m.Off += from * m.Stride
	return m
}

// ColSlice returns the view of columns [from, to).
func (m Mat) ColSlice(from, to int) Mat {
	if m.Type.scaled() {
		panic(fmt.Sprintf("tensor: columns of %v, whose elements share scales", m))
	}
	if from < 0 || to < from || to > m.Cols {
		panic(fmt.Sprintf("tensor: columns [%d, %d) of a matrix of %d columns", from, to, m.Cols))
	}
	m.Off += from
	m.Cols = to - from
	return m
}

// Reshape returns a view of the same elements, which must be contiguous, as rows × cols.
func (m Mat) Reshape(rows, cols int) Mat {
	if !m.Contiguous() || rows*cols != m.Len() {
		panic(fmt.Sprintf("tensor: %v does not reshape to [%d, %d]", m, rows, cols))
	}
	m.Rows, m.Cols, m.Stride = rows, cols, cols
	return m
}

// String returns type, shape and stride, for messages.
func (m Mat) String() string {
	return fmt.Sprintf("%s[%d, %d; stride %d]", m.Type, m.Rows, m.Cols, m.Stride)
}
