package model

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// attentionActivations are the activations of a block's first half, for n rows of which m are live.
type attentionActivations struct {
	xn      tensor.Mat // Act [n, hidden], x normed
	xnLive  tensor.Mat // Act [m, hidden], the live rows of xn
	qProj   tensor.Mat // Acc [m, heads*dim], q as projected
	kProj   tensor.Mat // Acc [n, kv dim], k as projected
	qNorm   tensor.Mat // Acc [m, heads*dim], q after the head norm; qProj in families without
	kNorm   tensor.Mat // Acc [n, kv dim], k after the head norm; kProj in families without
	q       tensor.Mat // Act [m, heads*dim], rotated
	k, v    tensor.Mat // Act [n, kv dim], k rotated
	attnOut tensor.Mat // Act [m, heads*dim], attention's output before its projection
	lse     tensor.Mat // Acc [m, heads], log Σ exp of each row's scores
}

// newAttentionActivations carves off all but xnLive, k and v. Rotation is undone by rotating back,
// so q and k may be rotated in place if no rounding lies between.
func newAttentionActivations(a *tensor.Arena, c *Config, p Precision, n, m int, k, v tensor.Mat) attentionActivations {
	t := attentionActivations{
		xn:    a.New(p.Act, n, c.Hidden),
		qProj: a.New(p.Acc, m, c.QDim()),
		k:     k, v: v,
		attnOut: a.New(p.Act, m, c.QDim()),
		lse:     a.New(p.Acc, m, c.Heads),
	}
	t.kProj, t.kNorm = k, k
	if p.Act != p.Acc {
		t.kProj = a.New(p.Acc, n, c.KVDim())
		t.kNorm = t.kProj
	}
	t.qNorm, t.q = t.qProj, t.qProj
	if c.QKNorm { // its gradient needs q and k as projected
		t.qNorm = a.New(p.Acc, m, c.QDim())
		t.q = t.qNorm
		if p.Act == p.Acc {
			t.kProj = a.New(p.Acc, n, c.KVDim())
		} else {
			t.kNorm = a.New(p.Acc, n, c.KVDim())
		}
	}
	if p.Act != p.Acc {
		t.q = a.New(p.Act, m, c.QDim())
	}
	return t
}

// attentionGradients are the scratch gradients of a block's first half. They have n rows; of those
// marked m the live rows' come first.
type attentionGradients struct {
	dAttnOut   tensor.Mat // Act [m, heads*dim]
	dq         tensor.Mat // Acc [m, heads*dim]
	dqProj     tensor.Mat // Acc [m, heads*dim], before the head norm; dq in families without
	dkProj     tensor.Mat // Acc [n, kv dim], before the head norm; zero in families without
	dqOp       tensor.Mat // Act [m, heads*dim], dqProj rounded as an operand
	dkOp, dvOp tensor.Mat // Act [n, kv dim], rounded as operands; zero if Act is Acc
}

func newAttentionGradients(a *tensor.Arena, c *Config, p Precision, n int) attentionGradients {
	g := attentionGradients{dAttnOut: a.New(p.Act, n, c.QDim()), dq: a.New(p.Acc, n, c.QDim())}
	g.dqProj, g.dqOp = g.dq, g.dq
	if c.QKNorm {
		g.dqProj, g.dkProj = a.New(p.Acc, n, c.QDim()), a.New(p.Acc, n, c.KVDim())
		g.dqOp = g.dqProj
	}
	if p.Act != p.Acc {
		g.dqOp = a.New(p.Act, n, c.QDim())
		g.dkOp, g.dvOp = a.New(p.Act, n, c.KVDim()), a.New(p.Act, n, c.KVDim())
	}
	return g
}

// kvGradients are the gradients of the keys and values that a batch sees in one block.
type kvGradients struct {
	dk, dv           tensor.Mat // Acc [keys, kv dim], of all of them
	dkBatch, dvBatch tensor.Mat // Acc [n, kv dim], the rows of dk and dv that belong to the batch
}

// projectForward computes k and v of a block from t.x, and q of the live rows.
func (d *Decoder) projectForward(blk *Block, t *activations) {
	b, c := d.B, &d.W.Config
	b.RMSNorm(t.xn, t.x, blk.AttnNorm.W, c.NormEps)
	if t.liveRows == nil {
		t.xLive, t.xnLive, t.csLive = t.x, t.xn, t.cs
	} else {
		b.Gather(t.xLive, t.x, t.liveRows)
		b.Gather(t.xnLive, t.xn, t.liveRows)
		b.Gather(t.csLive, t.cs, t.liveRows)
	}
	d.product(t.qProj, t.xnLive, blk.Q, blk.QBias, false)
	d.productInto(t.v, t.kProj, t.xn, blk.V, blk.VBias) // kProj is not in use yet
	d.product(t.kProj, t.xn, blk.K, blk.KBias, false)
	if c.QKNorm {
		d.headNormForward(t.qNorm, t.qProj, blk.QNorm)
		d.headNormForward(t.kNorm, t.kProj, blk.KNorm)
	}
	b.Rope(t.q, t.qNorm, t.csLive, false)
	b.Rope(t.k, t.kNorm, t.cs, false)
}

// projectBackward completes the gradient of the block's input, all.dh, Acc [n, hidden], from those
// of q, k and v. Before, its first m rows hold what the live rows got by way of the residual.
func (d *Decoder) projectBackward(blk *Block, t *activations, all, g *gradients, kv kvGradients) {
	b, c := d.B, &d.W.Config
	dkProj := kv.dkBatch
	b.Rope(g.dq, g.dq, t.csLive, true)
	b.Rope(kv.dkBatch, kv.dkBatch, t.cs, true)
	if c.QKNorm {
		dkProj = g.dkProj
		d.headNormBackward(g.dqProj, g.dq, t.qProj, blk.QNorm)
		d.headNormBackward(dkProj, kv.dkBatch, t.kProj, blk.KNorm)
	}
	dkOp, dvOp := dkProj, kv.dvBatch
	if d.W.Act != d.W.Acc {
		dkOp, dvOp = g.dkOp, g.dvOp
	}
	d.round(g.dqOp, g.dqProj)
	d.round(dkOp, dkProj)
	d.round(dvOp, kv.dvBatch)
	if t.liveRows == nil {
		d.productBackward(all.dn, g.dqOp, t.xnLive, blk.Q, blk.QBias, false)
	} else { // the other rows get a gradient from their keys and values alone
		d.productBackward(g.dnLive, g.dqOp, t.xnLive, blk.Q, blk.QBias, false)
		b.Zero(all.dn)
		b.ScatterAdd(all.dn, g.dnLive, t.liveRows)
		b.Copy(g.dnLive, g.dh)
		b.Zero(all.dh)
		b.ScatterAdd(all.dh, g.dnLive, t.liveRows)
	}
	d.productBackward(all.dn, dkOp, t.xn, blk.K, blk.KBias, true)
	d.productBackward(all.dn, dvOp, t.xn, blk.V, blk.VBias, true)
	b.RMSNormGrad(all.dh, blk.AttnNorm.Grad, all.dn, t.x, blk.AttnNorm.W, c.NormEps)
}

// attendForward runs attention over keys and values that lie in k and v, Act [keys, kv dim], and
// adds its projection to the residual.
func (d *Decoder) attendForward(blk *Block, t *activations, k, v tensor.Mat, a *kernels.Attention) {
	d.B.Attend(t.attnOut, t.lse, t.q, k, v, a)
	d.B.Copy(t.h, t.xLive)
	d.product(t.h, t.attnOut, blk.O, blk.OBias, true)
}

// attendBackward sets g.dq and adds to the gradients of keys and values from g.dh, the gradient of
// t.h.
func (d *Decoder) attendBackward(blk *Block, t *activations, g *gradients, k, v tensor.Mat, kv kvGradients,
	a *kernels.Attention) {
	d.round(g.dhOp, g.dh)
	d.productBackwardInto(g.dAttnOut, g.dq, g.dhOp, t.attnOut, blk.O, blk.OBias) // dq is not in use yet
	d.B.AttendGrad(g.dq, kv.dk, kv.dv, g.dAttnOut, t.attnOut, t.lse, t.q, k, v, a)
}

// attention describes attention of this shape over the queries in layer l.
func (c *Config) attention(l int, q []kernels.Query) *kernels.Attention {
	return &kernels.Attention{Heads: c.Heads, KVHeads: c.KVHeads, Dim: c.HeadDim,
		Scale: 1 / math.Sqrt(float64(c.HeadDim)), Window: c.window(l), Queries: q}
}

// window returns the window of layer l as attention has it: 0 for none.
func (c *Config) window(l int) int32 {
	if c.WindowLayer(l) {
		return int32(c.Window)
	}
	return 0
}
