package ref

import (
	"spell/kernels"
	"spell/tensor"
)

// RMSNorm scales each row to unit mean square, times w.
func (*Backend[T]) RMSNorm(y, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNorm", "y", y, x.Rows, x.Cols)
	kernels.CheckShape("RMSNorm", "w", w, 1, x.Cols)
	Y, X, W := open[T](y), open[T](x), open[T](w)
	for i := range X.Rows {
		r := rstd(&X, i, eps)
		for j := range X.Cols {
			Y.set(i, j, X.at(i, j)*r*W.at(0, j))
		}
	}
}

// RMSNormGrad adds the gradients of RMSNorm to dx and dw.
func (*Backend[T]) RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNormGrad", "dx", dx, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "dy", dy, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "w", w, 1, x.Cols)
	if !dw.IsZero() {
		kernels.CheckShape("RMSNormGrad", "dw", dw, 1, x.Cols)
	}
	DX, DW, DY, X, W := open[T](dx), open[T](dw), open[T](dy), open[T](x), open[T](w)
	for i := range X.Rows {
		r := rstd(&X, i, eps)
		var mean T
		for j := range X.Cols {
			mean += DY.at(i, j) * W.at(0, j) * X.at(i, j)
		}
		mean /= T(X.Cols)
		for j := range X.Cols {
			g := DY.at(i, j) * W.at(0, j)
			DX.add(i, j, r*g-X.at(i, j)*r*r*r*mean)
			if !dw.IsZero() {
				DW.add(0, j, DY.at(i, j)*X.at(i, j)*r)
			}
		}
	}
}

// rstd returns 1/sqrt(mean(x[i]²)+eps).
func rstd[T tensor.Float](x *mat[T], i int, eps float64) T {
	var s T
	for j := range x.Cols {
		s += x.at(i, j) * x.at(i, j)
	}
	return 1 / sqrt(s/T(x.Cols)+T(eps))
}
