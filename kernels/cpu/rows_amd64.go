//go:build !purego

package cpu

// A function with the suffix AVX512 is the one with the suffix Generic, to the bit. Slices must be as
// long as the first, which the dispatch proves.

//go:noescape
func addAVX512(z, x, y []float32)

//go:noescape
func mulAVX512(z, x, y []float32)

//go:noescape
func scaleAVX512(x []float32, a float32)

//go:noescape
func divideAVX512(x []float32, a float32)

//go:noescape
func scaleMulAVX512(y, x, w []float32, a float32)

//go:noescape
func mulAddAVX512(z, x, y []float32, a float32)

//go:noescape
func normGradAVX512(dx, g, x []float32, a, c float32)

//go:noescape
func rotateAVX512(y, x, cs []float32, sign float32)

//go:noescape
func dotAVX512(x, y []float32) float32

//go:noescape
func sumSquaresAVX512(x []float32) float64

//go:noescape
func maxAVX512(x []float32) float32

//go:noescape
func adamwAVX512(p, m, v, g []float32, s *adamStep)

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

func (s isa) max(x []float32) float32 {
	if s == avx512 {
		return maxAVX512(x)
	}
	return maxGeneric(x)
}

func (s isa) adamw(p, m, v, g []float32, t *adamStep) {
	m, v, g = m[:len(p)], v[:len(p)], g[:len(p)]
	if s == avx512 {
		adamwAVX512(p, m, v, g, t)
		return
	}
	adamwGeneric(p, m, v, g, t)
}
