package model

import (
	"spell/kernels"
	"spell/tensor"
)

// activations are what one block computes for a batch of n rows. K and V exist for all n rows.
// Everything else is computed for the m live rows only; m < n in the last block, where just the
// rows that predict a scored token are needed. Training keeps the activations for the backward
// pass, or only x and computes the rest again.
//
// A matrix that is not needed apart shares the memory of another: see newActivations.
type activations struct {
	liveRows []int32    // [m] the live rows among the n, ascending; nil if all are
	x        tensor.Mat // Act [n, hidden], the block's input
	xLive    tensor.Mat // Act [m, hidden], the live rows of x
	cs       tensor.Mat // Acc [n, dim], cosines and sines of the positions
	csLive   tensor.Mat // Acc [m, dim], the live rows of cs
	attentionActivations
	h tensor.Mat // Acc [m, hidden], the residual after attention
	mlpActivations
	sum tensor.Mat // Acc [m, hidden], the block's output before it is rounded
}

// newActivations carves the activations of block l for n rows, of which m are live, off a: all but x
// and cs. Keys and values are written to k and v, Act [n, kv dim]. Of the MLP there are part rows.
func newActivations(a *tensor.Arena, c *Config, p Precision, l, n, m, part int, k, v tensor.Mat) activations {
	t := activations{
		attentionActivations: newAttentionActivations(a, c, p, n, m, k, v),
		h:                    a.New(p.Acc, m, c.Hidden),
		mlpActivations:       newMLPActivations(a, c, p, l, m, part),
		sum:                  a.New(p.Acc, m, c.Hidden),
	}
	if m < n {
		t.xLive, t.csLive = a.New(p.Act, m, c.Hidden), a.New(p.Acc, m, c.HeadDim)
		t.xnLive = a.New(p.Act, m, c.Hidden)
	}
	return t
}

// forwardBlock runs a block from t.x up to its last product, over keys and values that lie in k and
// v, Act [keys, kv dim].
func (d *Decoder) forwardBlock(blk *Block, t *activations, k, v tensor.Mat, q *kernels.Attention) {
	d.projectForward(blk, t)
	d.attendForward(blk, t, k, v, q)
	d.mlpForward(blk, t)
}

// finishBlock adds the MLP to the residual and writes the sum to y, Act [m, hidden]. It leaves h as
// the backward pass needs it: before the sum.
func (d *Decoder) finishBlock(blk *Block, t *activations, y tensor.Mat) {
	d.B.Copy(t.sum, t.h)
	d.mlpOutput(blk, t)
	d.B.Copy(y, t.sum)
}

// backwardBlock turns all.dh from the gradient of the block's output, [m, hidden], into that of its
// input, [n, hidden], and adds the gradients of its parameters and of the keys and values in kv. k
// and v are all keys and values that the queries see, Act [keys, kv dim].
func (d *Decoder) backwardBlock(blk *Block, t *activations, all *gradients, k, v tensor.Mat, kv kvGradients,
	q *kernels.Attention) {
	g := all.live(t.h.Rows)
	d.mlpBackward(blk, t, &g)
	d.attendBackward(blk, t, &g, k, v, kv, q)
	d.projectBackward(blk, t, all, &g, kv)
}

// gradients are the scratch gradients of one block's backward pass, for n rows, named as the
// activations they belong to. A matrix that needs no rounding as an operand is its own rounded
// copy.
type gradients struct {
	dh     tensor.Mat // Acc [n, hidden], of the residual stream
	dhOp   tensor.Mat // Act [n, hidden], dh rounded as an operand
	dn     tensor.Mat // Acc [n, hidden], of the attention norm's output
	dnLive tensor.Mat // Acc [m, hidden], of a norm's output at the live rows
	attentionGradients
	mlpGradients
}

func newGradients(a *tensor.Arena, c *Config, p Precision, n, part int) gradients {
	g := gradients{
		dh: a.New(p.Acc, n, c.Hidden), dn: a.New(p.Acc, n, c.Hidden), dnLive: a.New(p.Acc, n, c.Hidden),
		attentionGradients: newAttentionGradients(a, c, p, n),
		mlpGradients:       newMLPGradients(a, c, p, n, part),
	}
	g.dhOp = g.dh
	if p.Act != p.Acc {
		g.dhOp = a.New(p.Act, n, c.Hidden)
	}
	return g
}

// live returns g with its first m rows of every gradient that belongs to live rows. dn, dkProj and
// the operands of K and V keep all rows.
func (g gradients) live(m int) gradients {
	for _, p := range []*tensor.Mat{&g.dh, &g.dhOp, &g.dnLive, &g.dAttnOut, &g.dq, &g.dqProj, &g.dqOp} {
		*p = p.Slice(0, m)
	}
	g.mlpGradients = g.mlpGradients.live(m)
	return g
}

// round copies a gradient to its operand type, if the operand is another matrix.
func (d *Decoder) round(dst, src tensor.Mat) {
	if dst != src {
		d.B.Copy(dst, src)
	}
}

// weight returns p's matrix, or the zero Mat if the family has no such parameter.
func weight(p *Param) tensor.Mat {
	if p == nil {
		return tensor.Mat{}
	}
	return p.W
}

// gradient returns p's gradient, or the zero Mat if the family has no such parameter.
func gradient(p *Param) tensor.Mat {
	if p == nil {
		return tensor.Mat{}
	}
	return p.Grad
}
