//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

var (
	normKernels     = defineRows[normArgs]("norm.cu", "rms_norm")
	normGradKernels = defineRows[normGradArgs]("norm.cu", "rms_norm_grad")
	sumColumns      = define[columnArgs]("columns.cu", "sum_columns", columnThreads, 0)
	mergeColumns    = define[mergeArgs]("columns.cu", "merge_columns", columnThreads, 0)
)

// Of rows.h and columns.cu.
const (
	rowThreads    = 256
	rowShared     = 256
	rowWarps      = rowThreads / 32
	columnThreads = 64
)

// warpCols is the most columns that a warp sums; a block sums longer rows.
const warpCols = 1024

// A rowKernel is a kernel that sums along rows, by a warp or by a block each.
type rowKernel[A any] struct{ warp, block *kernel[A] }

func defineRows[A any](file, name string) rowKernel[A] {
	return rowKernel[A]{define[A](file, name+"_warp", rowThreads, rowShared),
		define[A](file, name+"_block", rowThreads, rowShared)}
}

// launchRows launches a kernel for rows of that many columns.
func launchRows[A any](b *Backend, k rowKernel[A], rows, cols int, args A) {
	if cols <= warpCols {
		launch(b, k.warp, ceil(rows, rowWarps), args)
	} else {
		launch(b, k.block, rows, args)
	}
}

type normArgs struct {
	y, x, w mat
	eps     float32
	_       int32
}

// RMSNorm sets y[i] = x[i] * w / sqrt(mean(x[i]²) + eps).
func (b *Backend) RMSNorm(y, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNorm", "y", y, x.Rows, x.Cols)
	kernels.CheckShape("RMSNorm", "w", w, 1, x.Cols)
	launchRows(b, normKernels, x.Rows, x.Cols, normArgs{y: operand("RMSNorm", y), x: operand("RMSNorm", x),
		w: operand("RMSNorm", w), eps: float32(eps)})
}

type normGradArgs struct {
	dx, dy, x, w mat
	scale        uint64
	eps          float32
	_            int32
}

// RMSNormGrad adds the gradients of RMSNorm to dx and dw.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64) {
	const op = "RMSNormGrad"
	kernels.CheckShape(op, "dx", dx, x.Rows, x.Cols)
	kernels.CheckShape(op, "dy", dy, x.Rows, x.Cols)
	kernels.CheckShape(op, "w", w, 1, x.Cols)
	if !dw.IsZero() {
		kernels.CheckShape(op, "dw", dw, 1, x.Cols)
	}
	a := normGradArgs{dx: operand(op, dx), dy: operand(op, dy), x: operand(op, x), w: operand(op, w),
		eps: float32(eps)}
	sum := operand(op, dw)
	if dw.IsZero() {
		launchRows(b, normGradKernels, x.Rows, x.Cols, a)
		return
	}
	at := b.scratchOf(normScratch(x.Rows, x.Cols)...)
	a.scale = at[0]
	launchRows(b, normGradKernels, x.Rows, x.Cols, a)
	b.addColumns(sum, columnArgs{dy: a.dy, x: a.x, scale: a.scale, sums: at[1]})
}

type columnArgs struct {
	dy, x       mat
	scale, sums uint64
}

type mergeArgs struct {
	dw      mat
	sums    uint64
	runs, _ int32
}

// addColumns adds dw += Σᵢ dy[i], or Σᵢ dy[i]*x[i]*scale[i] if there is an x.
func (b *Backend) addColumns(dw mat, a columnArgs) {
	rows, cols := int(a.dy.rows), int(a.dy.cols)
	runs := ceil(rows, columnRun)
	launch(b, sumColumns, runs*ceil(cols, 8*columnThreads), a)
	if runs > 0 {
		launch(b, mergeColumns, ceil(cols, columnThreads), mergeArgs{dw: dw, sums: a.sums, runs: int32(runs)})
	}
}
