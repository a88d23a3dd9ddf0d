package ref

import (
	"spell/kernels"
	"spell/tensor"
)

// Scale computes factor·x.
func (*Backend[T]) Scale(y, x tensor.Mat, factor float64) {
	kernels.CheckShape("Scale", "x", x, y.Rows, y.Cols)
	Y, X := open[T](y), open[T](x)
	for i := range Y.Rows {
		for j := range Y.Cols {
			Y.set(i, j, T(factor)*X.at(i, j))
		}
	}
}
