package tensor

import (
	"fmt"
	"unsafe"
)

// Int8Run is the number of columns of an I8 matrix that share a scale.
//
// A row of such a matrix is Cols integers and then, from the next multiple of 4 bytes on, a float32
// scale for each run of Int8Run columns; the last run may be shorter. Stride counts both. The
// element in column j has the value float32(integer) * scale[j/Int8Run], rounded to f32. Rows can
// be sliced; columns cannot, and only kernels.Backend.Quantize writes elements.
//
// A run of 64 takes 17 bits per 2 numbers, as GGUF's Q8_0 does with 32 and scales of f16.
const Int8Run = 64

// scalesAt returns the byte at which the scales of a row of cols columns begin.
func scalesAt(cols int) int { return (cols + 3) &^ 3 }

// rowElems returns the distance in elements of the rows of a matrix without gaps.
func rowElems(t DType, cols int) int {
	switch {
	case t.coded():
		codes, bases := MomentWords(cols)
		return 4 * (codes + bases)
	case t != I8:
		return cols
	}
	return scalesAt(cols) + (cols+Int8Run-1)/Int8Run*4
}

// Int8 returns the host memory of an I8 matrix as integers and as scales: row i has the integers
// from i*m.Stride on and the scales from i*m.Stride/4 on. What lies between belongs to the other
// slice.
func Int8(m Mat) (q []int8, scale []float32) {
	if m.Type != I8 {
		panic(fmt.Sprintf("tensor: %v read as int8", m))
	}
	if q = Elems[int8](m); q == nil {
		return nil, nil
	}
	b := m.Arena.Host[m.Off+scalesAt(m.Cols) : m.Off+(m.Rows-1)*m.Stride+rowElems(I8, m.Cols)]
	return q, unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)
}
