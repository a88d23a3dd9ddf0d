package model

import "spell/tensor"

// mlpActivations are the activations of a block's second half, for its m live rows. In a mixture of
// experts gate, up and mlpAct have a row for each expert of each row; see mixtureActivations.
//
// The MLP is the widest part of a block, and its rows have nothing to do with each other. If activations
// are computed again anyway, many rows go through it in parts, each forward and right after that backward,
// in memory for one.
type mlpActivations struct {
	hn       tensor.Mat // Act [m, hidden], h normed
	gate, up tensor.Mat // Acc [m, ff]
	mlpAct   tensor.Mat // Act [m, ff], SwiGLU of gate and up
	mixtureActivations
}

// mlpPart is the most rows of a part. Tests lower it.
var mlpPart = 1024

// mlpRows returns how many of m rows go through a dense MLP at a time.
func (d *Decoder) mlpRows(m int) int {
	if d.keep {
		return m
	}
	return min(m, mlpPart)
}

// newMLPActivations carves the activations of block l off a: of part rows, or of all m in a mixture.
func newMLPActivations(a *tensor.Arena, c *Config, p Precision, l, m, part int) (t mlpActivations) {
	rows, ff := part, c.FF
	if c.MoELayer(l) {
		t.mixtureActivations = newMixtureActivations(a, c, p, m)
		part, rows, ff = m, m*c.TopK, c.ExpertFF
	}
	t.hn = a.New(p.Act, part, c.Hidden)
	t.gate, t.up, t.mlpAct = a.New(p.Acc, rows, ff), a.New(p.Acc, rows, ff), a.New(p.Act, rows, ff)
	return t
}

// mlpGradients are the scratch gradients of a block's second half. They have n rows, of which the m live
// rows' come first, or those of a part. Matrices of which no layer has need are zero.
type mlpGradients struct {
	dMLPAct    tensor.Mat // Acc [m, ff]
	dGate, dUp tensor.Mat // Act [m, ff]
	mixtureGradients
}

func newMLPGradients(a *tensor.Arena, c *Config, p Precision, n, part int) (g mlpGradients) {
	if c.someLayer(false) {
		g.dMLPAct, g.dGate, g.dUp = a.New(p.Acc, part, c.FF), a.New(p.Act, part, c.FF), a.New(p.Act, part, c.FF)
	}
	if c.someLayer(true) {
		g.mixtureGradients = newMixtureGradients(a, c, p, n)
	}
	return g
}

// live returns g with its first m rows; those of a dense MLP are cut part by part.
func (g mlpGradients) live(m int) mlpGradients {
	g.mixtureGradients = g.mixtureGradients.live(m)
	return g
}

// firstRows returns the first n rows of m, or the zero Mat if m is one.
func firstRows(m tensor.Mat, n int) tensor.Mat {
	if m.IsZero() {
		return m
	}
	return m.Slice(0, n)
}

// mlpForward computes t.mlpAct from the residual t.h, unless rows go through the MLP in parts.
func (d *Decoder) mlpForward(blk *Block, t *activations) {
	switch {
	case blk.Router != nil:
		d.B.RMSNorm(t.hn, t.h, blk.MLPNorm.W, d.W.NormEps)
		d.expertsForward(blk, t)
	case !t.inParts():
		d.denseForward(blk, &t.mlpActivations, t.h)
	}
}

// inParts reports whether mlpOutput and mlpBackward compute a dense MLP forward, part by part.
func (t *activations) inParts() bool { return t.hn.Rows < t.h.Rows }

// denseForward computes t.mlpAct from the residual h of as many rows.
func (d *Decoder) denseForward(blk *Block, t *mlpActivations, h tensor.Mat) {
	d.B.RMSNorm(t.hn, h, blk.MLPNorm.W, d.W.NormEps)
	d.product(t.gate, t.hn, blk.Gate, blk.GateBias, false)
	d.product(t.up, t.hn, blk.Up, blk.UpBias, false)
	d.B.SwiGLU(t.mlpAct, t.gate, t.up)
}

// eachPart calls do with the activations of rows [from, to) of a dense MLP, until all have gone through.
func (d *Decoder) eachPart(blk *Block, t *activations, do func(p *mlpActivations, from, to int)) {
	rows := t.hn.Rows
	for from := 0; from < t.h.Rows; from += rows {
		to := min(from+rows, t.h.Rows)
		p := t.mlpActivations
		for _, m := range []*tensor.Mat{&p.hn, &p.gate, &p.up, &p.mlpAct} {
			*m = m.Slice(0, to-from)
		}
		if t.inParts() {
			d.denseForward(blk, &p, t.h.Slice(from, to))
		}
		do(&p, from, to)
	}
}

// mlpOutput adds the last product of the MLP to t.sum. It is apart from mlpForward because blocks
// that are computed again for their gradients need no output.
func (d *Decoder) mlpOutput(blk *Block, t *activations) {
	if blk.Router != nil {
		d.expertsOutput(blk, t)
		return
	}
	d.eachPart(blk, t, func(p *mlpActivations, from, to int) {
		d.product(t.sum.Slice(from, to), p.mlpAct, blk.Down, blk.DownBias, true)
	})
}

// mlpBackward turns g.dh from the gradient of the block's output into that of t.h, both
// [m, hidden], and adds the gradients of the MLP's parameters.
func (d *Decoder) mlpBackward(blk *Block, t *activations, g *gradients) {
	if blk.Router != nil {
		d.expertsBackward(blk, t, g)
		d.B.RMSNormGrad(g.dh, blk.MLPNorm.Grad, g.dnLive, t.h, blk.MLPNorm.W, d.W.NormEps)
		return
	}
	d.round(g.dhOp, g.dh)
	d.eachPart(blk, t, func(p *mlpActivations, from, to int) {
		dMLPAct, dGate, dUp := g.dMLPAct.Slice(0, to-from), g.dGate.Slice(0, to-from), g.dUp.Slice(0, to-from)
		dn := g.dnLive.Slice(from, to)
		d.productBackward(dMLPAct, g.dhOp.Slice(from, to), p.mlpAct, blk.Down, blk.DownBias, false)
		d.B.SwiGLUGrad(dGate, dUp, dMLPAct, p.gate, p.up)
		d.productBackward(dn, dGate, p.hn, blk.Gate, blk.GateBias, false)
		d.productBackward(dn, dUp, p.hn, blk.Up, blk.UpBias, true)
		d.B.RMSNormGrad(g.dh.Slice(from, to), blk.MLPNorm.Grad, dn, t.h.Slice(from, to), blk.MLPNorm.W, d.W.NormEps)
	})
}
