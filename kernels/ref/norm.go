package ref

import (
	"math"

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

// RMSNormGrad is its gradient, added to dx and dw.
func (*Backend[T]) RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64) {
	kernels.CheckShape("RMSNormGrad", "dx", dx, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "dy", dy, x.Rows, x.Cols)
	kernels.CheckShape("RMSNormGrad", "w", w, 1, x.Cols)
	kernels.CheckShape("RMSNormGrad", "dw", dw, 1, x.Cols)
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
			DW.add(0, j, DY.at(i, j)*X.at(i, j)*r)
		}
	}
}

// rstd is 1/sqrt(mean(x[i]²)+eps).
func rstd[T tensor.Float](x *mat[T], i int, eps float64) T {
	var s T
	for j := range x.Cols {
		s += x.at(i, j) * x.at(i, j)
	}
	return 1 / sqrt(s/T(x.Cols)+T(eps))
}

// SumSquares is Σ m².
func (*Backend[T]) SumSquares(m tensor.Mat) float64 {
	M := open[T](m)
	var s float64
	for i := range M.Rows {
		for j := range M.Cols {
			v := float64(M.at(i, j))
			s += v * v
		}
	}
	return s
}

// AdamW is one optimizer step.
func (*Backend[T]) AdamW(w, master, m, v, grad tensor.Mat, s kernels.AdamStep) {
	for _, o := range []tensor.Mat{master, m, v, grad} {
		kernels.CheckShape("AdamW", "operand", o, w.Rows, w.Cols)
	}
	W, P, M, V, G := open[T](w), open[T](master), open[T](m), open[T](v), open[T](grad)
	c1 := 1 - math.Pow(s.Beta1, float64(s.Step))
	c2 := 1 - math.Pow(s.Beta2, float64(s.Step))
	for i := range W.Rows {
		for j := range W.Cols {
			g := float64(G.at(i, j)) * s.GradScale
			m1 := s.Beta1*float64(M.at(i, j)) + (1-s.Beta1)*g
			v1 := s.Beta2*float64(V.at(i, j)) + (1-s.Beta2)*g*g
			M.set(i, j, T(m1))
			V.set(i, j, T(v1))
			p := float64(P.at(i, j))
			p -= s.LR * ((m1/c1)/(math.Sqrt(v1/c2)+s.Eps) + s.WeightDecay*p)
			P.set(i, j, T(p))
			W.set(i, j, T(p))
		}
	}
	w.Arena.Touch()
	master.Arena.Touch()
}
