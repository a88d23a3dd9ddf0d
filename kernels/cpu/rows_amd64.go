//go:build !purego

package cpu

// Each function with the suffix AVX512 is the one with the suffix Generic, to the bit but for the
// rare double rounding of fma32. Slices must be as long as the first, which the dispatch proves.

//go:noescape
func widenAVX512(dst []float32, src []uint16)

//go:noescape
func narrowAVX512(dst []uint16, src []float32)

//go:noescape
func roundAVX512(x []float32)

//go:noescape
func dotAVX512(x, y []float32) float32

//go:noescape
func sumSquaresAVX512(x []float32) float64

//go:noescape
func addAVX512(z, x, y []float32)

//go:noescape
func mulAVX512(z, x, y []float32)

//go:noescape
func scaleAVX512(x []float32, a float32)

//go:noescape
func divideAVX512(x []float32, a float32)

//go:noescape
func softmaxAVX512(z, o, state []float32, seen int, scale float32)

//go:noescape
func scaleMulAVX512(y, x, w []float32, a float32)

//go:noescape
func mulAddAVX512(z, x, y []float32, a float32)

//go:noescape
func normGradAVX512(dx, g, x []float32, a, c float32)

//go:noescape
func rotateAVX512(y, x, cs []float32, sign float32)

//go:noescape
func swigluAVX512(y, g, u []float32)

//go:noescape
func swigluGradAVX512(dg, du, dy, g, u []float32)

//go:noescape
func adamwAVX512(p, m, v, g []float32, s *adamStep)

//go:noescape
func maxAVX512(x []float32) float32

//go:noescape
func expSumAVX512(p, z []float32, top float32) float32

//go:noescape
func expMomentsAVX512(z []float32, top float32) (sum, moment float32)

//go:noescape
func logitGradAVX512(z []float32, lse, inv, c, h, entropy float32)

//go:noescape
func scoreGradAVX512(z, dp []float32, lse, delta, scale float32)

// copyRowsAVX512 is dst[i*ldd+j] = src[i*lds+j] for i < rows and j < cols, both positive.
//
//go:noescape
func copyRowsAVX512(dst []float32, ldd int, src []float32, lds, rows, cols int)

// widenRowsAVX512 is the same from bf16.
//
//go:noescape
func widenRowsAVX512(dst []float32, ldd int, src []uint16, lds, rows, cols int)

// transposeAVX512 is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols, a multiple of 4.
//
//go:noescape
func transposeAVX512(dst []float32, ldd int, src []float32, lds, cols int)

func (s isa) widen(dst []float32, src []uint16) {
	src = src[:len(dst)]
	if s == avx512 {
		widenAVX512(dst, src)
		return
	}
	widenGeneric(dst, src)
}

func (s isa) narrow(dst []uint16, src []float32) {
	src = src[:len(dst)]
	if s == avx512 {
		narrowAVX512(dst, src)
		return
	}
	narrowGeneric(dst, src)
}

func (s isa) round(x []float32) {
	if s == avx512 {
		roundAVX512(x)
		return
	}
	roundGeneric(x)
}

func (s isa) dot(x, y []float32) float32 {
	y = y[:len(x)]
	if s == avx512 {
		return dotAVX512(x, y)
	}
	return dotGeneric(x, y)
}

func (s isa) sumSquares(x []float32) float64 {
	if s == avx512 {
		return sumSquaresAVX512(x)
	}
	return sumSquaresGeneric(x)
}

func (s isa) add(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	if s == avx512 {
		addAVX512(z, x, y)
		return
	}
	addGeneric(z, x, y)
}

func (s isa) mul(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	if s == avx512 {
		mulAVX512(z, x, y)
		return
	}
	mulGeneric(z, x, y)
}

func (s isa) scale(x []float32, a float32) {
	if s == avx512 {
		scaleAVX512(x, a)
		return
	}
	scaleGeneric(x, a)
}

func (s isa) divide(x []float32, a float32) {
	if s == avx512 {
		divideAVX512(x, a)
		return
	}
	divideGeneric(x, a)
}

func (s isa) softmax(z, o, state []float32, seen int, scale float32) {
	z, state = z[:64], state[:2]
	if s == avx512 {
		softmaxAVX512(z, o, state, seen, scale)
		return
	}
	softmaxGeneric(z, o, state, seen, scale)
}

func (s isa) scaleMul(y, x, w []float32, a float32) {
	x, w = x[:len(y)], w[:len(y)]
	if s == avx512 {
		scaleMulAVX512(y, x, w, a)
		return
	}
	scaleMulGeneric(y, x, w, a)
}

func (s isa) mulAdd(z, x, y []float32, a float32) {
	x, y = x[:len(z)], y[:len(z)]
	if s == avx512 {
		mulAddAVX512(z, x, y, a)
		return
	}
	mulAddGeneric(z, x, y, a)
}

func (s isa) normGrad(dx, g, x []float32, a, c float32) {
	g, x = g[:len(dx)], x[:len(dx)]
	if s == avx512 {
		normGradAVX512(dx, g, x, a, c)
		return
	}
	normGradGeneric(dx, g, x, a, c)
}

func (s isa) rotate(y, x, cs []float32, sign float32) {
	x, cs = x[:len(y)], cs[:len(y)]
	if s == avx512 {
		rotateAVX512(y, x, cs, sign)
		return
	}
	rotateGeneric(y, x, cs, sign)
}

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

func (s isa) adamw(p, m, v, g []float32, t *adamStep) {
	m, v, g = m[:len(p)], v[:len(p)], g[:len(p)]
	if s == avx512 {
		adamwAVX512(p, m, v, g, t)
		return
	}
	adamwGeneric(p, m, v, g, t)
}

func (s isa) max(x []float32) float32 {
	if s == avx512 {
		return maxAVX512(x)
	}
	return maxGeneric(x)
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

// transpose is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols.
func (s isa) transpose(dst []float32, ldd int, src []float32, lds, cols int) {
	whole := 0
	if s == avx512 && cols >= 4 {
		whole = cols &^ 3
		_, _ = dst[(whole-1)*ldd+15], src[15*lds+whole-1]
		transposeAVX512(dst, ldd, src, lds, whole)
	}
	if whole < cols {
		transposeGeneric(dst[whole*ldd:], ldd, src[whole:], lds, cols-whole)
	}
}

// load copies rows [i, i+rows) and columns [j, j+cols) of m, widened, to dst, rows of ldd.
func (s isa) load(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if s != avx512 {
		loadGeneric(dst, ldd, m, i, rows, j, cols)
		return
	}
	_ = dst[(rows-1)*ldd+cols-1]
	from, to := i*m.stride+j, (i+rows-1)*m.stride+j+cols
	if m.half {
		widenRowsAVX512(dst, ldd, m.h[from:to], m.stride, rows, cols)
		return
	}
	copyRowsAVX512(dst, ldd, m.f[from:to], m.stride, rows, cols)
}
