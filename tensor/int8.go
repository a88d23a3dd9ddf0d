package tensor

import (
	"fmt"
	"unsafe"
)

// Int8Run is the number of columns of an I8 matrix that share a scale.
//
// Such a matrix lies as products with weights read it, so that nobody needs another copy: its rows in
// panels of Int8Panel, a panel column by column. First come the integers, Int8Panel for each column,
// then the scales, Int8Panel of float32 for each run of Int8Run columns; the last run may be shorter,
// and rows beyond the last are there, of no particular value. The element in row i and column j has the
// value float32(integer) * scale, rounded to f32; Int8At says where the two are. Stride is what a row
// takes. Rows can be sliced; columns cannot, and only kernels.Backend.Quantize writes elements.
//
// A run of 64 takes 17 bits per 2 numbers, as GGUF's Q8_0 does with 32 and scales of f16.
const Int8Run = 64

// Int8Panel is the number of rows of an I8 matrix that lie together.
const Int8Panel = 32

// rowElems returns the distance in elements of the rows of a matrix without gaps.
func rowElems(t DType, cols int) int {
	switch {
	case t.coded():
		codes, bases := MomentWords(cols)
		return 4 * (codes + bases)
	case t == I8:
		return cols + 4*((cols+Int8Run-1)/Int8Run)
	}
	return cols
}

// wholeRows returns how many rows lie in memory for rows that begin at place lane of a panel.
func wholeRows(t DType, lane, rows int) int {
	if t != I8 {
		return rows
	}
	return (lane + rows + Int8Panel - 1) / Int8Panel * Int8Panel
}

// Int8 returns the host memory of an I8 matrix as integers and as scales, both from the panel of its
// first row on. What lies between belongs to the other slice: see Int8At.
func Int8(m Mat) (q []int8, scale []float32) {
	if m.Type != I8 {
		panic(fmt.Sprintf("tensor: %v read as int8", m))
	}
	if m.Len() == 0 {
		return nil, nil
	}
	b := m.Arena.Host[m.Off:][:wholeRows(I8, m.lane, m.Rows)*m.Stride]
	q = unsafe.Slice((*int8)(unsafe.Pointer(&b[0])), len(b))
	return q, unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)[Int8Panel*m.Cols/4:]
}

// Int8At returns the indices in the slices of Int8 of element (i, j) and of its scale. From one column
// to the next the first grows by Int8Panel, as does the second from one run to the next.
func (m Mat) Int8At(i, j int) (q, scale int) {
	i += m.lane
	panel, lane := i/Int8Panel*Int8Panel*m.Stride, i%Int8Panel
	return panel + j*Int8Panel + lane, panel/4 + j/Int8Run*Int8Panel + lane
}

// Lane returns the place in its panel of the first row of an I8 matrix: 0, but for slices.
func (m Mat) Lane() int { return m.lane }
