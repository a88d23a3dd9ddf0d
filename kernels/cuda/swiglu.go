//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

var (
	swigluKernel            = define[swigluArgs]("swiglu.cu", "swiglu", elementwise, 0)
	swigluGradKernel        = define[swigluGradArgs]("swiglu.cu", "swiglu_grad", elementwise, 0)
	scaledSwigluGradKernels = defineRows[scaledSwigluGradArgs]("swiglu.cu", "scaled_swiglu_grad")
)

type swigluArgs struct{ y, gate, up, scale mat }

// SwiGLU sets y = gate/(1+exp(-gate)) * up.
func (b *Backend) SwiGLU(y, gate, up tensor.Mat) {
	kernels.CheckShape("SwiGLU", "y", y, gate.Rows, gate.Cols)
	kernels.CheckShape("SwiGLU", "up", up, gate.Rows, gate.Cols)
	b.swiglu("SwiGLU", y, gate, up, tensor.Mat{})
}

// ScaledSwiGLU sets y[i][j] = scale[i] * gate/(1+exp(-gate)) * up.
func (b *Backend) ScaledSwiGLU(y, gate, up, scale tensor.Mat) {
	kernels.CheckScaledSwiGLU("ScaledSwiGLU", gate, scale, y, up)
	b.swiglu("ScaledSwiGLU", y, gate, up, scale)
}

func (b *Backend) swiglu(op string, y, gate, up, scale tensor.Mat) {
	launch(b, swigluKernel, elementwiseBlocks(y.Rows, y.Cols),
		swigluArgs{operand(op, y), operand(op, gate), operand(op, up), operand(op, scale)})
}

type swigluGradArgs struct{ dgate, dup, dy, gate, up mat }

// SwiGLUGrad computes the gradient of SwiGLU.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up tensor.Mat) {
	const op = "SwiGLUGrad"
	for _, m := range []tensor.Mat{dgate, dup, dy, up} {
		kernels.CheckShape(op, "an operand", m, gate.Rows, gate.Cols)
	}
	launch(b, swigluGradKernel, elementwiseBlocks(gate.Rows, gate.Cols),
		swigluGradArgs{operand(op, dgate), operand(op, dup), operand(op, dy), operand(op, gate), operand(op, up)})
}

type scaledSwigluGradArgs struct{ dgate, dup, dscale, dy, gate, up, scale mat }

// ScaledSwiGLUGrad computes the gradient of ScaledSwiGLU.
func (b *Backend) ScaledSwiGLUGrad(dgate, dup, dscale, dy, gate, up, scale tensor.Mat) {
	const op = "ScaledSwiGLUGrad"
	kernels.CheckScaledSwiGLU(op, gate, scale, dgate, dup, dy, up)
	kernels.CheckShape(op, "dscale", dscale, gate.Rows, 1)
	launchRows(b, scaledSwigluGradKernels, gate.Rows, gate.Cols, scaledSwigluGradArgs{operand(op, dgate),
		operand(op, dup), operand(op, dscale), operand(op, dy), operand(op, gate), operand(op, up), operand(op, scale)})
}
