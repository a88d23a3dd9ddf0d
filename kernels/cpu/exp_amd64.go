//go:build !purego

package cpu

// A function with the suffix AVX512 is the one with the suffix Generic, to the bit but for the rare
// double roundings of fma32. Slices must be as long as the first, which the dispatch proves.

//go:noescape
func swigluAVX512(y, g, u []float32)

//go:noescape
func swigluGradAVX512(dg, du, dy, g, u []float32)

//go:noescape
func expSumAVX512(p, z []float32, top float32) float32

//go:noescape
func expMomentsAVX512(z []float32, top float32) (sum, moment float32)

//go:noescape
func logitGradAVX512(z []float32, lse, inv, c, h, entropy float32)

//go:noescape
func scoreGradAVX512(z, dp []float32, lse, delta, scale float32)

//go:noescape
func softmaxAVX512(z, o, state []float32, seen int, scale float32)

func (s isa) swiglu(y, g, u []float32) {
	g, u = g[:len(y)], u[:len(y)]
	if s == avx512 {
		swigluAVX512(y, g, u)
		return
	}
	swigluGeneric(y, g, u)
}

func (s isa) swigluGrad(dg, du, dy, g, u []float32) {
	du, dy, g, u = du[:len(dg)], dy[:len(dg)], g[:len(dg)], u[:len(dg)]
	if s == avx512 {
		swigluGradAVX512(dg, du, dy, g, u)
		return
	}
	swigluGradGeneric(dg, du, dy, g, u)
}

func (s isa) expSum(p, z []float32, top float32) float32 {
	z = z[:len(p)]
	if s == avx512 {
		return expSumAVX512(p, z, top)
	}
	return expSumGeneric(p, z, top)
}

func (s isa) expMoments(z []float32, top float32) (sum, moment float32) {
	if s == avx512 {
		return expMomentsAVX512(z, top)
	}
	return expMomentsGeneric(z, top)
}

func (s isa) logitGrad(z []float32, lse, inv, c, h, entropy float32) {
	if s == avx512 {
		logitGradAVX512(z, lse, inv, c, h, entropy)
		return
	}
	logitGradGeneric(z, lse, inv, c, h, entropy)
}

func (s isa) scoreGrad(z, dp []float32, lse, delta, scale float32) {
	dp = dp[:len(z)]
	if s == avx512 {
		scoreGradAVX512(z, dp, lse, delta, scale)
		return
	}
	scoreGradGeneric(z, dp, lse, delta, scale)
}

func (s isa) softmax(z, o, state []float32, seen int, scale float32) {
	z, state = z[:64], state[:2]
	if s == avx512 {
		softmaxAVX512(z, o, state, seen, scale)
		return
	}
	softmaxGeneric(z, o, state, seen, scale)
}
