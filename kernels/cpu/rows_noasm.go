//go:build purego || !amd64

package cpu

func (isa) widen(dst []float32, src []uint16)  { widenGeneric(dst, src) }
func (isa) narrow(dst []uint16, src []float32) { narrowGeneric(dst, src) }
func (isa) round(x []float32)                  { roundGeneric(x) }
func (isa) dot(x, y []float32) float32         { return dotGeneric(x, y) }
func (isa) sumSquares(x []float32) float64     { return sumSquaresGeneric(x) }
func (isa) add(z, x, y []float32)              { addGeneric(z, x, y) }
func (isa) mul(z, x, y []float32)              { mulGeneric(z, x, y) }
func (isa) scale(x []float32, a float32)       { scaleGeneric(x, a) }
func (isa) divide(x []float32, a float32)      { divideGeneric(x, a) }
func (isa) softmax(z, o, state []float32, seen int, scale float32) {
	softmaxGeneric(z, o, state, seen, scale)
}
func (isa) scaleMul(y, x, w []float32, a float32)      { scaleMulGeneric(y, x, w, a) }
func (isa) mulAdd(z, x, y []float32, a float32)        { mulAddGeneric(z, x, y, a) }
func (isa) normGrad(dx, g, x []float32, a, c float32)  { normGradGeneric(dx, g, x, a, c) }
func (isa) rotate(y, x, cs []float32, sign float32)    { rotateGeneric(y, x, cs, sign) }
func (isa) swiglu(y, g, u []float32)                   { swigluGeneric(y, g, u) }
func (isa) swigluGrad(dg, du, dy, g, u []float32)      { swigluGradGeneric(dg, du, dy, g, u) }
func (isa) adamw(p, m, v, g []float32, t *adamStep)    { adamwGeneric(p, m, v, g, t) }
func (isa) max(x []float32) float32                    { return maxGeneric(x) }
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
func (isa) transpose(dst []float32, ldd int, src []float32, lds, cols int) {
	transposeGeneric(dst, ldd, src, lds, cols)
}
func (isa) load(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	loadGeneric(dst, ldd, m, i, rows, j, cols)
}
