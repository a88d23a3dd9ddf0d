package model

import "spell/tensor"

// Every product of a block with one of its matrices goes through product, in training and in
// generation: they agree bit for bit also where an adapter adds its part.

// product sets y (+)= x·Wᵀ + bias for the matrix W of p, and adds the part of p's adapter if it has
// one. y is Acc then, and x is Act.
func (d *Decoder) product(y, x tensor.Mat, p, bias *Param, acc bool) {
	d.B.MatMul(y, x, p.W, weight(bias), acc)
	if ad := p.Adapter; ad != nil {
		defer d.arena.Release(d.arena.Mark())
		s := newAdapterScratch(d.arena, d.W.Precision, x.Rows, ad.Rank())
		d.B.MatMul(y, d.project(ad, x, s), ad.B.W, tensor.Mat{}, true)
	}
}

// productInto is product for an output y that is Act. sum, Acc, is scratch of its shape, in which an
// adapter adds to what is not rounded yet.
func (d *Decoder) productInto(y, sum, x tensor.Mat, p, bias *Param) {
	if p.Adapter == nil || y.Type == sum.Type {
		d.product(y, x, p, bias, false)
		return
	}
	d.product(sum, x, p, bias, false)
	d.B.Copy(y, sum)
}

// productBackward sets dx (+)= dy·W for the matrix W of p, by way of its adapter too, and adds the
// gradients of what of p, its bias and its adapter is trained. x and dy are Act; dx is Acc if there
// is an adapter.
func (d *Decoder) productBackward(dx, dy, x tensor.Mat, p, bias *Param, acc bool) {
	d.B.MatMulGradX(dx, dy, p.W, acc)
	if !p.Grad.IsZero() {
		d.B.MatMulGradW(p.Grad, gradient(bias), dy, x)
	}
	if ad := p.Adapter; ad != nil {
		d.adapterBackward(dx, dy, x, ad)
	}
}

// productBackwardInto is productBackward for a dx that is Act. sum, Acc, is scratch of its
// shape.
func (d *Decoder) productBackwardInto(dx, sum, dy, x tensor.Mat, p, bias *Param) {
	if p.Adapter == nil || dx.Type == sum.Type {
		d.productBackward(dx, dy, x, p, bias, false)
		return
	}
	d.productBackward(sum, dy, x, p, bias, false)
	d.B.Copy(dx, sum)
}

// An adapterScratch is what one product with an adapter takes while it is made.
type adapterScratch struct {
	sum tensor.Mat // Acc [n, rank]
	low tensor.Mat // Act [n, rank]; sum if no rounding lies between
}

func newAdapterScratch(a *tensor.Arena, p Precision, n, rank int) adapterScratch {
	s := adapterScratch{sum: a.New(p.Acc, n, rank)}
	if s.low = s.sum; p.Act != p.Acc {
		s.low = a.New(p.Act, n, rank)
	}
	return s
}

// planAdapters carves the scratch of a product of n rows off a and gives it back.
func (w *Weights) planAdapters(a *tensor.Arena, n int) {
	if rank := w.largestRank(); rank > 0 {
		mark := a.Mark()
		newAdapterScratch(a, w.Precision, n, rank)
		a.Release(mark)
	}
}

// project returns Scale·x·Aᵀ, Act [n, rank], rounded once.
func (d *Decoder) project(ad *Adapter, x tensor.Mat, s adapterScratch) tensor.Mat {
	d.B.MatMul(s.sum, x, ad.A.W, tensor.Mat{}, false)
	d.B.Scale(s.low, s.sum, ad.Scale())
	return s.low
}

// adapterBackward adds the gradients of A and B, if they are trained, and to dx that of x. It
// projects x again: to keep the projections would take more than it saves.
func (d *Decoder) adapterBackward(dx, dy, x tensor.Mat, ad *Adapter) {
	defer d.arena.Release(d.arena.Mark())
	s := newAdapterScratch(d.arena, d.W.Precision, x.Rows, ad.Rank())
	trained := !ad.A.Grad.IsZero()
	if trained {
		d.B.MatMulGradW(ad.B.Grad, tensor.Mat{}, dy, d.project(ad, x, s))
	}
	d.B.MatMulGradX(s.sum, dy, ad.B.W, false)
	d.B.Scale(s.low, s.sum, ad.Scale())
	if trained {
		d.B.MatMulGradW(ad.A.Grad, tensor.Mat{}, s.low, x)
	}
	d.B.MatMulGradX(dx, s.low, ad.A.W, true)
}
