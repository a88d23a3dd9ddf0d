package cpu

import "math"

// exp computes 2ⁿ·P(r) with n = round(x·log₂e) and r = x - n·ln2 in two steps (Cody & Waite 1980).
// P is the Taylor polynomial of degree 7 on |r| ≤ ln2/2. Every step is one fused multiply-add.
const (
	expMax  = 89   // exp is +Inf from 88.73
	expMin  = -104 // exp is 0 below -103.98
	log2e   = 1.44269504088896340736
	ln2High = 0.693145751953125 // 13 bits, so that n*ln2High is exact
	ln2Low  = 1.42860682030941723212e-6
)

// fma32 returns x*y+z with one rounding, but for rare double roundings. The product of two f32 is
// exact in f64, so it makes no difference whether the compiler fuses.
func fma32(x, y, z float32) float32 { return float32(float64(x)*float64(y) + float64(z)) }

// expf returns e^x to within 0.95 ulp, subnormal results included if the thread keeps them. A NaN
// stays one. TestAccuracy holds all instruction sets to this and to what is stated below.
func expf(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, expMin), expMax)
	n := float32(math.RoundToEven(float64(x * log2e)))
	r := fma32(n, -ln2High, x)
	r = fma32(n, -ln2Low, r)
	p := fma32(r, 1.0/5040, 1.0/720)
	p = fma32(p, r, 1.0/120)
	p = fma32(p, r, 1.0/24)
	p = fma32(p, r, 1.0/6)
	p = fma32(p, r, 0.5)
	p = fma32(p, r, 1)
	p = fma32(p, r, 1)
	// 2ⁿ in two factors: n reaches 129 above and -150 below, where the product is subnormal.
	h := int32(n) >> 1
	return p * pow2(h) * pow2(int32(n)-h)
}

// pow2 returns 2ⁿ for -126 ≤ n ≤ 127.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// swigluGeneric sets y = g/(1+exp(-g)) * u. Before the product with u it is exact to 2.4 ulp for g
// ≥ -88; below, where its size is less than 10⁻³⁶, it runs out to 0.
func swigluGeneric(y, g, u []float32) {
	g, u = g[:len(y)], u[:len(y)]
	for i := range y {
		y[i] = g[i] / (1 + expf(-g[i])) * u[i]
	}
}

// swigluGradGeneric sets, with s = 1/(1+exp(-g)), dg = dy*u*s*(1+g*(1-s)) and du = dy*g*s. The
// derivative by which dy*u is multiplied is off by 17 × 2⁻²⁴ at most, where g is near 17: 1-s there
// has lost its last digits.
func swigluGradGeneric(dg, du, dy, g, u []float32) {
	du, dy, g, u = du[:len(dg)], dy[:len(dg)], g[:len(dg)], u[:len(dg)]
	for i := range dg {
		s := 1 / (1 + expf(-g[i]))
		d, x := dy[i], g[i]
		ds := d * s
		du[i] = ds * x
		dg[i] = ds * u[i] * (1 + float32(x*(1-s)))
	}
}

// expSumGeneric sets p[i] = exp(z[i]-top) and returns the sum of p in 16 lanes. The difference is
// rounded, so that p is off by another |z[i]-top| × 2⁻²⁴ of its size, here and in a softmax.
func expSumGeneric(p, z []float32, top float32) float32 {
	z = z[:len(p)]
	var s [16]float32
	for i := range p {
		e := expf(z[i] - top)
		p[i] = e
		s[i&15] += e
	}
	return tree(&s)
}

// rankGeneric sets b to the nearest integer to 32*(top-z), at most 1023, and to 1023 if that is
// NaN.
func rankGeneric(b []uint16, z []float32, top float32) {
	z = z[:len(b)]
	for i, v := range z {
		d := float32((v - top) * rankSteps)
		if !(d > 1-rankBuckets) {
			d = 1 - rankBuckets
		}
		b[i] = uint16(math.Float32bits(1<<23-d) & (rankBuckets - 1)) // at 2²³ the last bit is 1
	}
}

// expMomentsGeneric returns the sums of exp(z[i]-top) and of exp(z[i]-top)*(z[i]-top), each in 16
// lanes.
func expMomentsGeneric(z []float32, top float32) (sum, moment float32) {
	var s, t [16]float32
	for i, v := range z {
		d := v - top
		e := expf(d)
		s[i&15] += e
		if e != 0 { // 0*-Inf is nothing, not NaN
			t[i&15] += float32(e * d)
		}
	}
	return tree(&s), tree(&t)
}

// logitGradGeneric turns scaled logits z into inv*(-c*p - h*p*(log p + entropy)), p = exp(z-lse).
func logitGradGeneric(z []float32, lse, inv, c, h, entropy float32) {
	for i, v := range z {
		lp := v - lse
		p := expf(lp)
		g := float32(-c)
		if p != 0 {
			g -= float32(h * (lp + entropy))
		}
		z[i] = float32(p*g) * inv
	}
}

// scoreGradGeneric turns each row of scores z into p = exp(z*scale-lse), and dp into ds =
// p*(dp-delta)*scale.
func scoreGradGeneric(z, dp []float32, ldz int, lse, delta []float32, rows, cols int, scale float32) {
	for r := range rows {
		z, dp := z[r*ldz:][:cols], dp[r*ldz:][:cols]
		for i, v := range z {
			p := expf(float32(v*scale) - lse[r])
			z[i] = p
			dp[i] = p * (dp[i] - delta[r]) * scale
		}
	}
}

// scoreGradHalfGeneric does the same and rounds both to bf16.
func scoreGradHalfGeneric(z, dp []float32, ldz int, lse, delta []float32, rows, cols int, scale float32) {
	scoreGradGeneric(z, dp, ldz, lse, delta, rows, cols, scale)
	for r := range rows {
		roundGeneric(z[r*ldz:][:cols])
		roundGeneric(dp[r*ldz:][:cols])
	}
}

// softmaxStepGeneric turns the cols scores of each row of z into p = exp(z*scale-top), where top is
// the maximum of z*scale and state[0]. It rescales the row of o and the sum state[1] so far to top,
// and adds the sum of p.
func softmaxStepGeneric(z []float32, ldz int, o []float32, d int, state []float32, rows, cols int, scale float32) {
	for r := range rows {
		z, o, state := z[r*ldz:][:cols], o[r*d:][:d], state[3*r:][:2]
		scaleGeneric(z, scale)
		top := max(state[0], maxGeneric(z))
		if top != state[0] {
			f := expf(state[0] - top)
			state[0] = top
			state[1] *= f
			scaleGeneric(o, f)
		}
		state[1] += expSumGeneric(z, z, top)
	}
}

// mergeSumsGeneric adds to each row of o that of p, and run[1] to state[1], each side rescaled from its
// maximum, state[0] and run[0], to the larger one, state[0] from then on. It leaves p 0, run[0] -Inf
// and run[1] 0. Rows with run[1] = 0 stay as they are.
func mergeSumsGeneric(o, p []float32, d int, state, run []float32, rows int) {
	for r := range rows {
		o, p, state, run := o[r*d:][:d], p[r*d:][:d], state[3*r:][:2], run[3*r:][:2]
		if run[1] == 0 {
			continue
		}
		top := max(state[0], run[0])
		f, g := expf(state[0]-top), expf(run[0]-top)
		for i := range o {
			o[i] = float32(o[i]*f) + float32(p[i]*g)
			p[i] = 0
		}
		state[0], state[1] = top, float32(state[1]*f)+float32(run[1]*g)
		run[0], run[1] = float32(math.Inf(-1)), 0
	}
}

// softmaxStepHalfGeneric does the same and rounds p to bf16 after it has been added.
func softmaxStepHalfGeneric(z []float32, ldz int, o []float32, d int, state []float32, rows, cols int, scale float32) {
	softmaxStepGeneric(z, ldz, o, d, state, rows, cols, scale)
	for r := range rows {
		roundGeneric(z[r*ldz:][:cols])
	}
}
