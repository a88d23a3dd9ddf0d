//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

var quantizeKernel = define[quantizeArgs]("int8.cu", "quantize", rowThreads, 0)

type quantizeArgs struct{ q, w mat }

// Quantize rounds runs of columns to integers with a scale.
func (b *Backend) Quantize(q, w tensor.Mat) {
	kernels.Check("Quantize", q.Type == tensor.I8, "%v is no int8 matrix", q)
	kernels.CheckShape("Quantize", "w", w, q.Rows, q.Cols)
	launch(b, quantizeKernel, ceil(q.Rows*ceil(q.Cols, tensor.Int8Run), rowWarps),
		quantizeArgs{operand("Quantize", q, tensor.I8), operand("Quantize", w)})
}
