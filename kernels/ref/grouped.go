package ref

import (
	"spell/kernels"
	"spell/tensor"
)

// groups calls f for every group of rows with its number.
func groups(ends []int32, f func(e, from, to int)) {
	from := 0
	for e, end := range ends {
		f(e, from, int(end))
		from = int(end)
	}
}

// GroupMatMul computes x·wᵀ, group by group.
func (b *Backend[T]) GroupMatMul(y, x, w tensor.Mat, ends []int32) {
	kernels.CheckShape("GroupMatMul", "y", y, x.Rows, y.Cols)
	kernels.CheckGroups("GroupMatMul", ends, x.Rows, w, y.Cols)
	groups(ends, func(e, from, to int) {
		b.MatMul(y.Slice(from, to), x.Slice(from, to), w.Slice(e*y.Cols, (e+1)*y.Cols), tensor.Mat{}, false)
	})
}

// GroupMatMulGradX computes dy·w, group by group.
func (b *Backend[T]) GroupMatMulGradX(dx, dy, w tensor.Mat, ends []int32, acc bool) {
	kernels.CheckShape("GroupMatMulGradX", "dx", dx, dy.Rows, w.Cols)
	kernels.CheckGroups("GroupMatMulGradX", ends, dy.Rows, w, dy.Cols)
	groups(ends, func(e, from, to int) {
		b.MatMulGradX(dx.Slice(from, to), dy.Slice(from, to), w.Slice(e*dy.Cols, (e+1)*dy.Cols), acc)
	})
}

// GroupMatMulGradW adds dyᵀ·x, group by group.
func (b *Backend[T]) GroupMatMulGradW(dw, dy, x tensor.Mat, ends []int32) {
	kernels.CheckShape("GroupMatMulGradW", "x", x, dy.Rows, dw.Cols)
	kernels.CheckGroups("GroupMatMulGradW", ends, dy.Rows, dw, dy.Cols)
	groups(ends, func(e, from, to int) {
		b.MatMulGradW(dw.Slice(e*dy.Cols, (e+1)*dy.Cols), tensor.Mat{}, dy.Slice(from, to), x.Slice(from, to))
	})
}
