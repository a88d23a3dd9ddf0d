package cpu

func (s isa) widen(dst []float32, src []uint16)                  { widenGeneric(dst, src) }
func (s isa) narrow(dst []uint16, src []float32)                 { narrowGeneric(dst, src) }
func (s isa) dot(x, y []float32) float32                         { return dotGeneric(x, y) }
func (s isa) sumSquares(x []float32) float64                     { return sumSquaresGeneric(x) }
func (s isa) add(z, x, y []float32)                              { addGeneric(z, x, y) }
func (s isa) mul(z, x, y []float32)                              { mulGeneric(z, x, y) }
func (s isa) scale(x []float32, a float32)                       { scaleGeneric(x, a) }
func (s isa) scaleMul(y, x, w []float32, a float32)              { scaleMulGeneric(y, x, w, a) }
func (s isa) mulAdd(z, x, y []float32, a float32)                { mulAddGeneric(z, x, y, a) }
func (s isa) normGrad(dx, g, x []float32, a, c float32)          { normGradGeneric(dx, g, x, a, c) }
func (s isa) rotate(y, x, cs []float32, inverse bool)            { rotateGeneric(y, x, cs, inverse) }
func (s isa) swiglu(y, g, u []float32)                           { swigluGeneric(y, g, u) }
func (s isa) swigluGrad(dg, du, dy, g, u []float32)              { swigluGradGeneric(dg, du, dy, g, u) }
func (s isa) adamw(p, m, v, g []float32, t *adamStep)            { adamwGeneric(p, m, v, g, t) }
func (s isa) max(x []float32) float32                            { return maxGeneric(x) }
func (s isa) expSum(p, z []float32, top float32) float32         { return expSumGeneric(p, z, top) }
func (s isa) expMoments(z []float32, top float32) (a, b float32) { return expMomentsGeneric(z, top) }
func (s isa) logitGrad(z []float32, lse, inv, c, h, entropy float32) {
	logitGradGeneric(z, lse, inv, c, h, entropy)
}
func (s isa) scoreGrad(z, dp []float32, lse, delta, scale float32) {
	scoreGradGeneric(z, dp, lse, delta, scale)
}
func (s isa) round(x []float32) { roundGeneric(x) }
