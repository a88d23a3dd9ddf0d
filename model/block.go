package model

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// acts are one block's activations for n rows. Training keeps them for the way back, or only
// x and computes the rest again.
type acts struct {
	x           tensor.Mat // Act [n, hidden], the block's input
	xn          tensor.Mat // Act [n, hidden], x normed
	q0, k0      tensor.Mat // Acc, q and k as projected
	qn, kn      tensor.Mat // Acc, q and k after the head norms (q0, k0 without them)
	q, k, v     tensor.Mat // Act, rotated q and k
	o           tensor.Mat // Act [n, heads*dim], attention's output
	lse         tensor.Mat // Acc [n, heads]
	h           tensor.Mat // Acc [n, hidden], the residual after attention
	hn          tensor.Mat // Act [n, hidden], h normed
	gate, up, s tensor.Mat // Acc, Acc, Act [n, ff]
}

// newActs carves the activations of n rows off a, all but x.
func newActs(a *tensor.Arena, c *Config, p Precision, n int) acts {
	t := acts{
		xn: a.New(p.Act, n, c.Hidden),
		q0: a.New(p.Acc, n, c.QDim()),
		k0: a.New(p.Acc, n, c.KVDim()),
		v:  a.New(p.Act, n, c.KVDim()),
		o:  a.New(p.Act, n, c.QDim()),

		lse:  a.New(p.Acc, n, c.Heads),
		h:    a.New(p.Acc, n, c.Hidden),
		hn:   a.New(p.Act, n, c.Hidden),
		gate: a.New(p.Acc, n, c.FF),
		up:   a.New(p.Acc, n, c.FF),
		s:    a.New(p.Act, n, c.FF),
	}
	t.qn, t.kn = t.q0, t.k0
	if c.QKNorm { // its gradient needs q and k as projected
		t.qn, t.kn = a.New(p.Acc, n, c.QDim()), a.New(p.Acc, n, c.KVDim())
	}
	t.q, t.k = t.qn, t.kn // rotation is undone by rotating back, so it may be in place
	if p.Act != p.Acc {
		t.q, t.k = a.New(p.Act, n, c.QDim()), a.New(p.Act, n, c.KVDim())
	}
	return t
}

// project computes q, k and v of a block from t.x.
func (d *Decoder) project(blk *Block, t *acts, cs tensor.Mat) {
	b, c := d.B, &d.W.Config
	b.RMSNorm(t.xn, t.x, blk.AttnNorm.W, c.NormEps)
	b.MatMul(t.q0, t.xn, blk.Q.W, weight(blk.QBias), false)
	b.MatMul(t.k0, t.xn, blk.K.W, weight(blk.KBias), false)
	b.MatMul(t.v, t.xn, blk.V.W, weight(blk.VBias), false)
	if c.QKNorm {
		b.RMSNorm(heads(t.qn, c.HeadDim), heads(t.q0, c.HeadDim), blk.QNorm.W, c.NormEps)
		b.RMSNorm(heads(t.kn, c.HeadDim), heads(t.k0, c.HeadDim), blk.KNorm.W, c.NormEps)
	}
	b.Rope(t.q, t.qn, cs, false)
	b.Rope(t.k, t.kn, cs, false)
}

// attend runs attention over keys and values that lie in k and v, and adds it to the residual.
func (d *Decoder) attend(blk *Block, t *acts, k, v tensor.Mat, a *kernels.Attention) {
	d.B.Attend(t.o, t.lse, t.q, k, v, a)
	d.B.Copy(t.h, t.x)
	d.B.MatMul(t.h, t.o, blk.O.W, tensor.Mat{}, true)
}

// mlp runs the second half of a block up to its last product.
func (d *Decoder) mlp(blk *Block, t *acts) {
	b := d.B
	b.RMSNorm(t.hn, t.h, blk.MLPNorm.W, d.W.NormEps)
	b.MatMul(t.gate, t.hn, blk.Gate.W, tensor.Mat{}, false)
	b.MatMul(t.up, t.hn, blk.Up.W, tensor.Mat{}, false)
	b.SwiGLU(t.s, t.gate, t.up)
}

// finish adds the MLP to the residual and writes it to y, the next block's input. It leaves h
// as the backward pass needs it: before the sum. tmp is Acc [n, hidden].
func (d *Decoder) finish(blk *Block, t *acts, y, tmp tensor.Mat) {
	b := d.B
	b.Copy(tmp, t.h)
	b.MatMul(tmp, t.s, blk.Down.W, tensor.Mat{}, true)
	b.Copy(y, tmp)
}

// grads are the scratch gradients of one block's backward pass for n rows.
type grads struct {
	dh            tensor.Mat // Acc [n, hidden], of the residual stream
	dhr           tensor.Mat // Act, dh rounded as an operand
	dn            tensor.Mat // Acc [n, hidden], of a norm's output
	ds            tensor.Mat // Acc [n, ff]
	dgate, dup    tensor.Mat // Act [n, ff]
	do            tensor.Mat // Act [n, heads*dim]
	dq, dk, dv    tensor.Mat // Acc
	dq0, dk0      tensor.Mat // Acc, before the head norms (dq, dk without them)
	dqr, dkr, dvr tensor.Mat // Act, rounded as operands
}

func newGrads(a *tensor.Arena, c *Config, p Precision, n int) grads {
	g := grads{
		dh: a.New(p.Acc, n, c.Hidden), dn: a.New(p.Acc, n, c.Hidden), ds: a.New(p.Acc, n, c.FF),
		dgate: a.New(p.Act, n, c.FF), dup: a.New(p.Act, n, c.FF), do: a.New(p.Act, n, c.QDim()),
		dq: a.New(p.Acc, n, c.QDim()), dk: a.New(p.Acc, n, c.KVDim()), dv: a.New(p.Acc, n, c.KVDim()),
	}
	g.dq0, g.dk0 = g.dq, g.dk
	if c.QKNorm {
		g.dq0, g.dk0 = a.New(p.Acc, n, c.QDim()), a.New(p.Acc, n, c.KVDim())
	}
	g.dhr, g.dqr, g.dkr, g.dvr = g.dh, g.dq0, g.dk0, g.dv
	if p.Act != p.Acc {
		g.dhr, g.dqr = a.New(p.Act, n, c.Hidden), a.New(p.Act, n, c.QDim())
		g.dkr, g.dvr = a.New(p.Act, n, c.KVDim()), a.New(p.Act, n, c.KVDim())
	}
	return g
}

// backward turns g.dh from the gradient of the block's output into that of its input, and adds
// the gradients of its parameters.
func (d *Decoder) backward(blk *Block, t *acts, g *grads, cs tensor.Mat, a *kernels.Attention) {
	b, c := d.B, &d.W.Config
	none := tensor.Mat{}

	d.round(g.dhr, g.dh)
	b.MatMulGradX(g.ds, g.dhr, blk.Down.W, false)
	b.MatMulGradW(blk.Down.Grad, none, g.dhr, t.s)
	b.SwiGLUGrad(g.dgate, g.dup, g.ds, t.gate, t.up)
	b.MatMulGradX(g.dn, g.dgate, blk.Gate.W, false)
	b.MatMulGradX(g.dn, g.dup, blk.Up.W, true)
	b.MatMulGradW(blk.Gate.Grad, none, g.dgate, t.hn)
	b.MatMulGradW(blk.Up.Grad, none, g.dup, t.hn)
	b.RMSNormGrad(g.dh, blk.MLPNorm.Grad, g.dn, t.h, blk.MLPNorm.W, c.NormEps)

	d.round(g.dhr, g.dh)
	b.MatMulGradX(g.do, g.dhr, blk.O.W, false)
	b.MatMulGradW(blk.O.Grad, none, g.dhr, t.o)
	b.Zero(g.dk)
	b.Zero(g.dv)
	b.AttendGrad(g.dq, g.dk, g.dv, g.do, t.o, t.lse, t.q, t.k, t.v, a)
	b.Rope(g.dq, g.dq, cs, true)
	b.Rope(g.dk, g.dk, cs, true)
	if c.QKNorm {
		b.Zero(g.dq0)
		b.Zero(g.dk0)
		b.RMSNormGrad(heads(g.dq0, c.HeadDim), blk.QNorm.Grad, heads(g.dq, c.HeadDim), heads(t.q0, c.HeadDim), blk.QNorm.W, c.NormEps)
		b.RMSNormGrad(heads(g.dk0, c.HeadDim), blk.KNorm.Grad, heads(g.dk, c.HeadDim), heads(t.k0, c.HeadDim), blk.KNorm.W, c.NormEps)
	}
	d.round(g.dqr, g.dq0)
	d.round(g.dkr, g.dk0)
	d.round(g.dvr, g.dv)
	b.MatMulGradX(g.dn, g.dqr, blk.Q.W, false)
	b.MatMulGradX(g.dn, g.dkr, blk.K.W, true)
	b.MatMulGradX(g.dn, g.dvr, blk.V.W, true)
	b.MatMulGradW(blk.Q.Grad, gradient(blk.QBias), g.dqr, t.xn)
	b.MatMulGradW(blk.K.Grad, gradient(blk.KBias), g.dkr, t.xn)
	b.MatMulGradW(blk.V.Grad, gradient(blk.VBias), g.dvr, t.xn)
	b.RMSNormGrad(g.dh, blk.AttnNorm.Grad, g.dn, t.x, blk.AttnNorm.W, c.NormEps)
}

// round copies a gradient to its operand type, where that is another matrix.
func (d *Decoder) round(dst, src tensor.Mat) {
	if dst != src {
		d.B.Copy(dst, src)
	}
}

// heads views [n, heads*dim] as [n*heads, dim].
func heads(m tensor.Mat, dim int) tensor.Mat { return m.Reshape(m.Len()/dim, dim) }

func weight(p *Param) tensor.Mat {
	if p == nil {
		return tensor.Mat{}
	}
	return p.W
}

func gradient(p *Param) tensor.Mat {
	if p == nil {
		return tensor.Mat{}
	}
	return p.Grad
}

func (c *Config) attention(q []kernels.Query) *kernels.Attention {
	return &kernels.Attention{Heads: c.Heads, KVHeads: c.KVHeads, Dim: c.HeadDim, Scale: 1 / math.Sqrt(float64(c.HeadDim)), Queries: q}
}
