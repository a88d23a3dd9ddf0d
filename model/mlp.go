package model

import "spell/tensor"

// mlpActivations are the activations of a block's second half, for its m live rows.
type mlpActivations struct {
	hn       tensor.Mat // Act [m, hidden], h normed
	gate, up tensor.Mat // Acc [m, ff]
	mlpAct   tensor.Mat // Act [m, ff], SwiGLU of gate and up
}

func newMLPActivations(a *tensor.Arena, c *Config, p Precision, m int) mlpActivations {
	return mlpActivations{
		hn:     a.New(p.Act, m, c.Hidden),
		gate:   a.New(p.Acc, m, c.FF),
		up:     a.New(p.Acc, m, c.FF),
		mlpAct: a.New(p.Act, m, c.FF),
	}
}

// mlpGradients are the scratch gradients of a block's second half. They have n rows; the m live
// rows' come first.
type mlpGradients struct {
	dMLPAct    tensor.Mat // Acc [m, ff]
	dGate, dUp tensor.Mat // Act [m, ff]
}

func newMLPGradients(a *tensor.Arena, c *Config, p Precision, n int) mlpGradients {
	return mlpGradients{dMLPAct: a.New(p.Acc, n, c.FF), dGate: a.New(p.Act, n, c.FF), dUp: a.New(p.Act, n, c.FF)}
}

// mlpForward computes t.mlpAct from the residual t.h.
func (d *Decoder) mlpForward(blk *Block, t *activations) {
	b := d.B
	b.RMSNorm(t.hn, t.h, blk.MLPNorm.W, d.W.NormEps)
	b.MatMul(t.gate, t.hn, blk.Gate.W, tensor.Mat{}, false)
	b.MatMul(t.up, t.hn, blk.Up.W, tensor.Mat{}, false)
	b.SwiGLU(t.mlpAct, t.gate, t.up)
}

// mlpOutput adds the last product of the MLP to t.sum. It is apart from mlpForward because blocks
// that are computed again for their gradients need no output.
func (d *Decoder) mlpOutput(blk *Block, t *activations) {
	d.B.MatMul(t.sum, t.mlpAct, blk.Down.W, tensor.Mat{}, true)
}

// mlpBackward turns g.dh from the gradient of the block's output into that of t.h, both
// [m, hidden], and adds the gradients of the MLP's parameters.
func (d *Decoder) mlpBackward(blk *Block, t *activations, g *gradients) {
	b, none := d.B, tensor.Mat{}
	d.round(g.dhOp, g.dh)
	b.MatMulGradX(g.dMLPAct, g.dhOp, blk.Down.W, false)
	b.MatMulGradW(blk.Down.Grad, none, g.dhOp, t.mlpAct)
	b.SwiGLUGrad(g.dGate, g.dUp, g.dMLPAct, t.gate, t.up)
	b.MatMulGradX(g.dnLive, g.dGate, blk.Gate.W, false)
	b.MatMulGradX(g.dnLive, g.dUp, blk.Up.W, true)
	b.MatMulGradW(blk.Gate.Grad, none, g.dGate, t.hn)
	b.MatMulGradW(blk.Up.Grad, none, g.dUp, t.hn)
	b.RMSNormGrad(g.dh, blk.MLPNorm.Grad, g.dnLive, t.h, blk.MLPNorm.W, d.W.NormEps)
}
