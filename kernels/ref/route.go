package ref

import (
	"spell/kernels"
	"spell/tensor"
)

// Route chooses experts.
func (*Backend[T]) Route(ids []int32, weights, logits tensor.Mat, normalize bool) {
	kernels.CheckRoute("Route", ids, weights, logits)
	W, Z := open[T](weights), open[T](logits)
	k := W.Cols
	for i := range Z.Rows {
		p, chosen := softmax(&Z, i), map[int]bool{}
		var sum T
		for r := range k {
			best := -1
			for j := range Z.Cols {
				if !chosen[j] && (best < 0 || above(Z.at(i, j), Z.at(i, best))) {
					best = j
				}
			}
			chosen[best], ids[i*k+r] = true, int32(best)
			sum += p[best]
		}
		if !normalize {
			sum = 1
		}
		for r := range k {
			W.set(i, r, p[ids[i*k+r]]/sum)
		}
	}
}

// RouteGrad computes the gradient of Route.
func (*Backend[T]) RouteGrad(dlogits, dweights, weights, logits tensor.Mat, ids []int32, normalize bool) {
	kernels.CheckRoute("RouteGrad", ids, weights, logits)
	kernels.CheckShape("RouteGrad", "dweights", dweights, weights.Rows, weights.Cols)
	kernels.CheckShape("RouteGrad", "dlogits", dlogits, logits.Rows, logits.Cols)
	kernels.CheckRows("RouteGrad", ids, logits.Cols)
	DZ, DW, W, Z := open[T](dlogits), open[T](dweights), open[T](weights), open[T](logits)
	k := W.Cols
	for i := range Z.Rows {
		var c T
		for r := range k {
			c += DW.at(i, r) * W.at(i, r)
		}
		p := softmax(&Z, i)
		for j := range Z.Cols {
			q := p[j]
			if normalize {
				q = 0
			}
			DZ.set(i, j, -q*c)
		}
		for r := range k {
			j := int(ids[i*k+r])
			q := p[j]
			if normalize {
				q = W.at(i, r)
			}
			DZ.set(i, j, q*(DW.at(i, r)-c))
		}
	}
}

// softmax returns the softmax of row i.
func softmax[T tensor.Float](z *mat[T], i int) []T {
	top := z.at(i, 0)
	for j := range z.Cols {
		if above(z.at(i, j), top) {
			top = z.at(i, j)
		}
	}
	p := make([]T, z.Cols)
	var sum T
	for j := range p {
		p[j] = exp(z.at(i, j) - top)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
	return p
}

// above reports whether v is the larger, any number being larger than NaN.
func above[T tensor.Float](v, w T) bool { return v > w || w != w && v == v }

// GatherAdd adds sums of rows of x to the rows of y.
func (*Backend[T]) GatherAdd(y, x tensor.Mat, rows []int32) {
	kernels.CheckGatherAdd(y, x, rows)
	Y, X := open[T](y), open[T](x)
	for i := range Y.Rows {
		k := len(rows) / Y.Rows
		for j := range Y.Cols {
			var s T
			for _, r := range rows[i*k:][:k] {
				s += X.at(int(r), j)
			}
			Y.add(i, j, s)
		}
	}
}

// ScaledSwiGLU computes scale·silu(gate)·up.
func (*Backend[T]) ScaledSwiGLU(y, gate, up, scale tensor.Mat) {
	kernels.CheckScaledSwiGLU("ScaledSwiGLU", gate, scale, y, up)
	Y, G, U, S := open[T](y), open[T](gate), open[T](up), open[T](scale)
	for i := range Y.Rows {
		for j := range Y.Cols {
			g := G.at(i, j)
			Y.set(i, j, g/(1+exp(-g))*U.at(i, j)*S.at(i, 0))
		}
	}
}

// ScaledSwiGLUGrad computes the gradient of ScaledSwiGLU.
func (*Backend[T]) ScaledSwiGLUGrad(dgate, dup, dscale, dy, gate, up, scale tensor.Mat) {
	kernels.CheckScaledSwiGLU("ScaledSwiGLUGrad", gate, scale, dgate, dup, dy, up)
	kernels.CheckShape("ScaledSwiGLUGrad", "dscale", dscale, gate.Rows, 1)
	DG, DU, DS, DY := open[T](dgate), open[T](dup), open[T](dscale), open[T](dy)
	G, U, S := open[T](gate), open[T](up), open[T](scale)
	for i := range G.Rows {
		var sum T
		for j := range G.Cols {
			g, u, d := G.at(i, j), U.at(i, j), DY.at(i, j)
			s := 1 / (1 + exp(-g))
			sum += d * g * s * u
			d *= S.at(i, 0)
			DG.set(i, j, d*u*s*(1+g*(1-s)))
			DU.set(i, j, d*g*s)
		}
		DS.set(i, 0, sum)
	}
}
