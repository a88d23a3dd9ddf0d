//go:build cuda && cgo && linux

package cuda

import (
	"slices"

	"spell/kernels"
	"spell/tensor"
)

// A mat is struct Mat of mat.h.
type mat struct {
	at         uint64
	stride     int64
	rows, cols int32
	typ, wide  int32
	lane, _    int32
}

// address returns where the first element of m lies on the device.
func address(m tensor.Mat) uint64 { return uint64(m.Arena.Device) + uint64(m.Off*m.Type.Size()) }

// operand returns m for a kernel. Its type must be F32, BF16 or among others; m may be zero.
func operand(op string, m tensor.Mat, others ...tensor.DType) mat {
	if m.IsZero() {
		return mat{}
	}
	if m.Type != tensor.F32 && m.Type != tensor.BF16 && !slices.Contains(others, m.Type) {
		kernels.Check(op, false, "no arithmetic on %v", m)
	}
	if onHost(m) {
		kernels.Check(op, false, "%v lies in the host's memory", m)
	}
	return matAt(address(m), m)
}

// matAt returns m for a kernel if it lies at another address.
func matAt(at uint64, m tensor.Mat) mat {
	o := mat{at: at, stride: int64(m.Stride), rows: int32(m.Rows), cols: int32(m.Cols), typ: int32(m.Type),
		lane: int32(m.Lane())}
	if o.at%16 == 0 && m.Stride*m.Type.Size()%16 == 0 {
		o.wide = 1
	}
	return o
}

// elementwise is kElementwise of mat.h.
const elementwise = 256

// elementwiseBlocks returns the blocks of an operation on elements.
func elementwiseBlocks(rows, cols int) int { return ceil(rows*ceil(cols, 8), elementwise) }
