package cpu

import (
	"math"

	"spell/tensor"
)

// Primitives on rows in plain Go. Slices of one call have equal lengths. Sums run in lanes
// 0…15, lane = index mod 16, which tree adds up. float32(x*y) keeps the compiler of a machine
// with fused instructions from fusing what follows.

// tree adds up 16 lanes: lanes 8 apart, then 4, 2 and 1.
func tree(s *[16]float32) float32 {
	for w := 8; w > 0; w /= 2 {
		for i := range w {
			s[i] += s[i+w]
		}
	}
	return s[0]
}

// dotGeneric returns Σ x[i]*y[i].
func dotGeneric(x, y []float32) float32 {
	y = y[:len(x)]
	var s [16]float32
	i := 0
	for ; i+16 <= len(x); i += 16 {
		a, b := (*[16]float32)(x[i:]), (*[16]float32)(y[i:])
		for l := range s {
			s[l] += float32(a[l] * b[l])
		}
	}
	for ; i < len(x); i++ {
		s[i&15] += float32(x[i] * y[i])
	}
	return tree(&s)
}

// sumSquaresGeneric returns Σ x[i]² in f64.
func sumSquaresGeneric(x []float32) float64 {
	var s [16]float64
	for i, v := range x {
		s[i&15] += float64(float64(v) * float64(v))
	}
	for w := 8; w > 0; w /= 2 {
		for i := range w {
			s[i] += s[i+w]
		}
	}
	return s[0]
}

// maxGeneric returns the largest element, NaN if there is one, -Inf of none.
func maxGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// addGeneric sets z = x + y.
func addGeneric(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// mulGeneric sets z = x * y.
func mulGeneric(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] * y[i]
	}
}

// scaleGeneric multiplies x by a.
func scaleGeneric(x []float32, a float32) {
	for i := range x {
		x[i] *= a
	}
}

// divideGeneric divides x by a.
func divideGeneric(x []float32, a float32) {
	for i := range x {
		x[i] /= a
	}
}

// scaleMulGeneric sets y = x * a * w.
func scaleMulGeneric(y, x, w, _ []float32, a float32) {
	x, w = x[:len(y)], w[:len(y)]
	for i := range y {
		y[i] = x[i] * a * w[i]
	}
}

// mulAddGeneric adds x * y * a to z.
func mulAddGeneric(z, x, y []float32, a float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] += float32(float32(x[i]*y[i]) * a)
	}
}

// scaleMulHalfGeneric is scaleMulGeneric rounded to bf16.
func scaleMulHalfGeneric(y []uint16, x, w, _ []float32, a float32) {
	x, w = x[:len(y)], w[:len(y)]
	for i := range y {
		y[i] = tensor.BF16Bits(x[i] * a * w[i])
	}
}

// normSumsGeneric returns Σ x² and Σ dy*w*x.
func normSumsGeneric(x, dy, w, _ []float32) (squares, inner float32) {
	dy, w = dy[:len(x)], w[:len(x)]
	var s, t [16]float32
	for i, v := range x {
		s[i&15] += float32(v * v)
		t[i&15] += float32(float32(dy[i]*w[i]) * v)
	}
	return tree(&s), tree(&t)
}

// normGradGeneric adds a*(dy*w) - x*c to dx.
func normGradGeneric(dx, dy, w, x []float32, a, c float32) {
	dy, w, x = dy[:len(dx)], w[:len(dx)], x[:len(dx)]
	for i := range dx {
		dx[i] += float32(a*float32(dy[i]*w[i])) - float32(x[i]*c)
	}
}

// rotateRunsGeneric turns the pairs (x[j], x[j+d/2]) of every run of d elements of x, d the length
// of cs, by the angles of cs, the sines times sign: 1, or -1 to rotate back. y may be x.
func rotateRunsGeneric(y, x, cs []float32, sign float32) {
	h := len(cs) / 2
	c, s := cs[:h], cs[h:][:h]
	for ; len(x) > 0; y, x = y[2*h:], x[2*h:] {
		a, b, ya, yb := x[:h], x[h:][:h], y[:h], y[h:][:h]
		for j := range h {
			p, q, sin := a[j], b[j], s[j]*sign
			ya[j] = float32(p*c[j]) - float32(q*sin)
			yb[j] = float32(q*c[j]) + float32(p*sin)
		}
	}
}

// adamwGeneric updates a run of parameters p with moments m, v and gradient g.
func adamwGeneric(p, m, v, g []float32, s *adamStep) {
	m, v, g = m[:len(p)], v[:len(p)], g[:len(p)]
	for i := range p {
		d := g[i] * s.grad
		m1 := float32(s.beta1*m[i]) + float32(s.one1*d)
		v1 := float32(s.beta2*v[i]) + float32(float32(s.one2*d)*d)
		m[i], v[i] = m1, v1
		root := float32(math.Sqrt(float64(v1)))
		step := s.rate * m1 / (float32(root*s.root) + s.eps)
		p[i] -= step + float32(s.decay*p[i])
	}
}
