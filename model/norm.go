package model

import "spell/tensor"

// headNormForward norms every head of y = norm(x); y and x are Acc [rows, heads*dim], p is [1,
// dim].
func (d *Decoder) headNormForward(y, x tensor.Mat, p *Param) {
	d.B.RMSNorm(byHead(y, p.Cols), byHead(x, p.Cols), p.W, d.W.NormEps)
}

// headNormBackward sets dx, the gradient of x, from dy, that of y, all Acc [rows, heads*dim], and
// adds the gradient of p, [1, dim].
func (d *Decoder) headNormBackward(dx, dy, x tensor.Mat, p *Param) {
	d.B.Zero(dx)
	d.B.RMSNormGrad(byHead(dx, p.Cols), p.Grad, byHead(dy, p.Cols), byHead(x, p.Cols), p.W, d.W.NormEps)
}

// byHead views [rows, heads*dim] as [rows*heads, dim].
func byHead(m tensor.Mat, dim int) tensor.Mat { return m.Reshape(m.Len()/dim, dim) }
