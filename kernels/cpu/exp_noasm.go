//go:build purego || !amd64

package cpu

func (isa) swiglu(y, g, u []float32) { swigluGeneric(y, g, u) }

func (isa) swigluGrad(dg, du, dy, g, u []float32) { swigluGradGeneric(dg, du, dy, g, u) }

func (isa) expSum(p, z []float32, top float32) float32 { return expSumGeneric(p, z, top) }

func (isa) expMoments(z []float32, top float32) (sum, moment float32) {
	return expMomentsGeneric(z, top)
}

func (isa) logitGrad(z []float32, lse, inv, c, h, entropy float32) {
	logitGradGeneric(z, lse, inv, c, h, entropy)
}

func (isa) scoreGrad(z, dp []float32, lse, delta, scale float32) {
	scoreGradGeneric(z, dp, lse, delta, scale)
}

func (isa) softmax(z, o, state []float32, seen int, scale float32) {
	softmaxGeneric(z, o, state, seen, scale)
}
