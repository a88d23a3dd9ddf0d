//go:build purego || !amd64

package cpu

func (isa) add(z, x, y []float32) { addGeneric(z, x, y) }

func (isa) mul(z, x, y []float32) { mulGeneric(z, x, y) }

func (isa) scale(x []float32, a float32) { scaleGeneric(x, a) }

func (isa) divide(x []float32, a float32) { divideGeneric(x, a) }

func (isa) scaleMul(y, x, w []float32, a float32) { scaleMulGeneric(y, x, w, a) }

func (isa) mulAdd(z, x, y []float32, a float32) { mulAddGeneric(z, x, y, a) }

func (isa) normGrad(dx, g, x []float32, a, c float32) { normGradGeneric(dx, g, x, a, c) }

func (isa) rotate(y, x, cs []float32, sign float32) { rotateGeneric(y, x, cs, sign) }

func (isa) dot(x, y []float32) float32 { return dotGeneric(x, y) }

func (isa) sumSquares(x []float32) float64 { return sumSquaresGeneric(x) }

func (isa) max(x []float32) float32 { return maxGeneric(x) }

func (isa) adamw(p, m, v, g []float32, t *adamStep) { adamwGeneric(p, m, v, g, t) }
