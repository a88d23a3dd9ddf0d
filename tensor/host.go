package tensor

import (
	"fmt"
	"unsafe"
)

// Elems returns the host memory of a matrix as elements of type E, from its first element to its
// last, gaps between rows included. It serves backends whose memory the host addresses. E must be
// as wide as m.Type, which is not I8: see Int8.
func Elems[E ~uint8 | ~uint16 | ~uint32 | ~float32 | ~float64 | ~int8](m Mat) []E {
	var e E
	size := int(unsafe.Sizeof(e))
	if size != m.Type.Size() || m.Type == I8 {
		panic(fmt.Sprintf("tensor: %s read as elements of %d bytes", m.Type, size))
	}
	if m.Rows == 0 || m.Cols == 0 {
		return nil
	}
	n := (m.Rows-1)*m.Stride + m.Cols
	b := m.Arena.Host[m.Off*size : (m.Off+n)*size]
	return unsafe.Slice((*E)(unsafe.Pointer(&b[0])), n)
}
