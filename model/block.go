package model

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// acts are one block's activations. Keys and values are computed for n rows, all else for the m of
// them that go on: all n, but in the last block, whose other rows nobody asks for. Training keeps
// activations for the way back, or only x and computes the rest again.
type acts struct {
	rows        []int32    // that go on; nil for all
	x           tensor.Mat // Act [n, hidden], the block's input
	xn          tensor.Mat // Act [n, hidden], x normed
	cs          tensor.Mat // Acc [n, dim], cosines and sines
	xr, xnr     tensor.Mat // Act [m, hidden], of the rows that go on
	csr         tensor.Mat // Acc [m, dim]
	q0, k0      tensor.Mat // Acc [m, heads*dim] and [n, kv dim], q and k as projected
	qn, kn      tensor.Mat // Acc, q and k after the head norms (q0, k0 without them)
	q, k, v     tensor.Mat // Act [m, heads*dim], [n, kv dim], rotated q and k
	o           tensor.Mat // Act [m, heads*dim], attention's output
	lse         tensor.Mat // Acc [m, heads]
	h           tensor.Mat // Acc [m, hidden], the residual after attention
	hn          tensor.Mat // Act [m, hidden], h normed
	gate, up, s tensor.Mat // Acc, Acc, Act [m, ff]
	sum         tensor.Mat // Acc [m, hidden], the block's output before it is rounded
}

// newActs carves the activations of n rows, of which m go on, off a: all but x and cs. Keys and
// values are written to k and v, Act [n, kv dim].
func newActs(a *tensor.Arena, c *Config, p Precision, n, m int, k, v tensor.Mat) acts {
	t := acts{
		xn: a.New(p.Act, n, c.Hidden),
		q0: a.New(p.Acc, m, c.QDim()),
		k:  k, v: v,
		o: a.New(p.Act, m, c.QDim()),

		lse:  a.New(p.Acc, m, c.Heads),
		h:    a.New(p.Acc, m, c.Hidden),
		hn:   a.New(p.Act, m, c.Hidden),
		gate: a.New(p.Acc, m, c.FF),
		up:   a.New(p.Acc, m, c.FF),
		s:    a.New(p.Act, m, c.FF),
		sum:  a.New(p.Acc, m, c.Hidden),
	}
	if m < n {
		t.xr, t.xnr, t.csr = a.New(p.Act, m, c.Hidden), a.New(p.Act, m, c.Hidden), a.New(p.Acc, m, c.HeadDim)
	}
	t.k0, t.kn = k, k // rotation is undone by rotating back, so it may be in place
	if p.Act != p.Acc {
		t.k0 = a.New(p.Acc, n, c.KVDim())
		t.kn = t.k0
	}
	t.qn, t.q = t.q0, t.q0
	if c.QKNorm { // its gradient needs q and k as projected
		t.qn = a.New(p.Acc, m, c.QDim())
		t.q = t.qn
		if p.Act == p.Acc {
			t.k0 = a.New(p.Acc, n, c.KVDim())
		} else {
			t.kn = a.New(p.Acc, n, c.KVDim())
		}
	}
	if p.Act != p.Acc {
		t.q = a.New(p.Act, m, c.QDim())
	}
	return t
}

// project computes k and v of a block from t.x, and q of the rows that go on.
func (d *Decoder) project(blk *Block, t *acts) {
	b, c := d.B, &d.W.Config
	b.RMSNorm(t.xn, t.x, blk.AttnNorm.W, c.NormEps)
	if t.rows == nil {
		t.xr, t.xnr, t.csr = t.x, t.xn, t.cs
	} else {
		b.Gather(t.xr, t.x, t.rows)
		b.Gather(t.xnr, t.xn, t.rows)
		b.Gather(t.csr, t.cs, t.rows)
	}
	b.MatMul(t.q0, t.xnr, blk.Q.W, weight(blk.QBias), false)
	b.MatMul(t.k0, t.xn, blk.K.W, weight(blk.KBias), false)
	b.MatMul(t.v, t.xn, blk.V.W, weight(blk.VBias), false)
	if c.QKNorm {
		b.RMSNorm(heads(t.qn, c.HeadDim), heads(t.q0, c.HeadDim), blk.QNorm.W, c.NormEps)
		b.RMSNorm(heads(t.kn, c.HeadDim), heads(t.k0, c.HeadDim), blk.KNorm.W, c.NormEps)
	}
	b.Rope(t.q, t.qn, t.csr, false)
	b.Rope(t.k, t.kn, t.cs, false)
}

// attend runs attention over keys and values that lie in k and v, and adds it to the residual.
func (d *Decoder) attend(blk *Block, t *acts, k, v tensor.Mat, a *kernels.Attention) {
	d.B.Attend(t.o, t.lse, t.q, k, v, a)
	d.B.Copy(t.h, t.xr)
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

// finish adds the MLP to the residual and writes it to y, Act [m, hidden]. It leaves h as the
// backward pass needs it: before the sum.
func (d *Decoder) finish(blk *Block, t *acts, y tensor.Mat) {
	b := d.B
	b.Copy(t.sum, t.h)
	b.MatMul(t.sum, t.s, blk.Down.W, tensor.Mat{}, true)
	b.Copy(y, t.sum)
}

// grads are the scratch gradients of one block's backward pass, for n rows.
type grads struct {
	dh            tensor.Mat // Acc [n, hidden], of the residual stream
	dhr           tensor.Mat // Act, dh rounded as an operand
	dn            tensor.Mat // Acc [n, hidden], of a norm's output
	dm            tensor.Mat // Acc [n, hidden], of the rows that go on
	ds            tensor.Mat // Acc [n, ff]
	dgate, dup    tensor.Mat // Act [n, ff]
	do            tensor.Mat // Act [n, heads*dim]
	dq            tensor.Mat // Acc [n, heads*dim]
	dq0, dk0      tensor.Mat // Acc, before the head norms (dq, dk without them)
	dqr, dkr, dvr tensor.Mat // Act, rounded as operands
}

func newGrads(a *tensor.Arena, c *Config, p Precision, n int) grads {
	g := grads{
		dh: a.New(p.Acc, n, c.Hidden), dn: a.New(p.Acc, n, c.Hidden), dm: a.New(p.Acc, n, c.Hidden), ds: a.New(p.Acc, n, c.FF),
		dgate: a.New(p.Act, n, c.FF), dup: a.New(p.Act, n, c.FF), do: a.New(p.Act, n, c.QDim()),
		dq: a.New(p.Acc, n, c.QDim()),
	}
	g.dhr, g.dq0, g.dqr = g.dh, g.dq, g.dq
	if c.QKNorm {
		g.dq0, g.dk0 = a.New(p.Acc, n, c.QDim()), a.New(p.Acc, n, c.KVDim())
		g.dqr = g.dq0
	}
	if p.Act != p.Acc {
		g.dhr, g.dqr = a.New(p.Act, n, c.Hidden), a.New(p.Act, n, c.QDim())
		g.dkr, g.dvr = a.New(p.Act, n, c.KVDim()), a.New(p.Act, n, c.KVDim())
	}
	return g
}

// first is the first m rows of every gradient of the rows that go on.
func (g grads) first(m int) grads {
	for _, p := range []*tensor.Mat{&g.dh, &g.dhr, &g.dm, &g.ds, &g.dgate, &g.dup, &g.do, &g.dq, &g.dq0, &g.dqr} {
		*p = p.Slice(0, m)
	}
	return g
}

// A keyGrad is the gradients of the keys and values of a block: Acc [keys, kv dim], the own rows
// of the part at work last or alone.
type keyGrad struct{ k, v, ownK, ownV tensor.Mat }

// backward turns all.dh from the gradient of the block's output, m rows, into that of its input, n rows,
// and adds the gradients of its parameters and of the keys and values in kg. k and v are all keys
// and values that the queries see.
func (d *Decoder) backward(blk *Block, t *acts, all *grads, k, v tensor.Mat, kg keyGrad, a *kernels.Attention) {
	b, c := d.B, &d.W.Config
	none := tensor.Mat{}
	g := all.first(t.h.Rows)

	d.round(g.dhr, g.dh)
	b.MatMulGradX(g.ds, g.dhr, blk.Down.W, false)
	b.MatMulGradW(blk.Down.Grad, none, g.dhr, t.s)
	b.SwiGLUGrad(g.dgate, g.dup, g.ds, t.gate, t.up)
	b.MatMulGradX(g.dm, g.dgate, blk.Gate.W, false)
	b.MatMulGradX(g.dm, g.dup, blk.Up.W, true)
	b.MatMulGradW(blk.Gate.Grad, none, g.dgate, t.hn)
	b.MatMulGradW(blk.Up.Grad, none, g.dup, t.hn)
	b.RMSNormGrad(g.dh, blk.MLPNorm.Grad, g.dm, t.h, blk.MLPNorm.W, c.NormEps)

	d.round(g.dhr, g.dh)
	b.MatMulGradX(g.do, g.dhr, blk.O.W, false)
	b.MatMulGradW(blk.O.Grad, none, g.dhr, t.o)
	b.AttendGrad(g.dq, kg.k, kg.v, g.do, t.o, t.lse, t.q, k, v, a)
	dk, dk0 := kg.ownK, kg.ownK
	b.Rope(g.dq, g.dq, t.csr, true)
	b.Rope(dk, dk, t.cs, true)
	if c.QKNorm {
		dk0 = g.dk0
		b.Zero(g.dq0)
		b.Zero(dk0)
		b.RMSNormGrad(heads(g.dq0, c.HeadDim), blk.QNorm.Grad, heads(g.dq, c.HeadDim), heads(t.q0, c.HeadDim), blk.QNorm.W, c.NormEps)
		b.RMSNormGrad(heads(dk0, c.HeadDim), blk.KNorm.Grad, heads(dk, c.HeadDim), heads(t.k0, c.HeadDim), blk.KNorm.W, c.NormEps)
	}
	dkr, dvr := dk0, kg.ownV
	if d.W.Act != d.W.Acc {
		dkr, dvr = g.dkr, g.dvr
	}
	d.round(g.dqr, g.dq0)
	d.round(dkr, dk0)
	d.round(dvr, kg.ownV)
	b.MatMulGradW(blk.Q.Grad, gradient(blk.QBias), g.dqr, t.xnr)
	b.MatMulGradW(blk.K.Grad, gradient(blk.KBias), dkr, t.xn)
	b.MatMulGradW(blk.V.Grad, gradient(blk.VBias), dvr, t.xn)
	if t.rows == nil {
		b.MatMulGradX(all.dn, g.dqr, blk.Q.W, false)
	} else {
		b.MatMulGradX(g.dm, g.dqr, blk.Q.W, false)
		b.Zero(all.dn)
		b.ScatterAdd(all.dn, g.dm, t.rows)
		b.Copy(g.dm, g.dh)
		b.Zero(all.dh)
		b.ScatterAdd(all.dh, g.dm, t.rows)
	}
	b.MatMulGradX(all.dn, dkr, blk.K.W, true)
	b.MatMulGradX(all.dn, dvr, blk.V.W, true)
	b.RMSNormGrad(all.dh, blk.AttnNorm.Grad, all.dn, t.x, blk.AttnNorm.W, c.NormEps)
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
