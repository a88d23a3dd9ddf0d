package cpu

import "math"

// What packs and unpacks moments, in plain Go.

// maxAbsGeneric returns the largest magnitude, NaN if there is one, -Inf of none.
func maxAbsGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, float32(math.Abs(float64(v))))
	}
	return m
}

// unpackMGeneric sets a to d to what the codes of an M8 matrix stand for, one byte of each word
// each.
func unpackMGeneric(a, b, c, d []float32, codes []uint32, base float32) {
	for q, x := range [][]float32{a, b, c, d} {
		for k, word := range codes {
			code := word >> (8 * q) & 0xff
			y := math.Float32frombits(math.Float32bits(base)+code&0x7f<<20) - base
			x[k] = math.Float32frombits(math.Float32bits(y) | code>>7<<31)
		}
	}
}

// unpackVGeneric sets a to d to what the codes of a V8 matrix stand for, one byte of each word
// each.
func unpackVGeneric(a, b, c, d []float32, codes []uint32, base float32) {
	for q, x := range [][]float32{a, b, c, d} {
		for k, word := range codes {
			x[k] = math.Float32frombits(math.Float32bits(base) + word>>(8*q)&0xff<<20)
		}
	}
}

// noiseOf returns 20 random bits of x for byte q of a word.
func noiseOf(x uint32, q int) uint32 {
	if q&1 == 0 {
		x &= 1<<20 - 1
	} else {
		x >>= 12
	}
	if q >= 2 {
		x ^= 1<<20 - 1
	}
	return x
}

// packMGeneric sets the codes of an M8 matrix.
func packMGeneric(codes []uint32, a, b, c, d []float32, noise []uint32, base float32, flip uint32) {
	for k := range codes {
		word := uint32(0)
		for q, x := range [4]float32{a[k], b[k], c[k], d[k]} {
			y := math.Float32bits(math.Float32frombits(math.Float32bits(x)&^(1<<31)) + base)
			code := (y + noiseOf(noise[k]^flip, q) - math.Float32bits(base)) >> 20
			word |= (code | math.Float32bits(x)>>31<<7) << (8 * q)
		}
		codes[k] = word
	}
}

// packVGeneric sets the codes of a V8 matrix.
func packVGeneric(codes []uint32, a, b, c, d []float32, noise []uint32, base float32, flip uint32) {
	for k := range codes {
		word := uint32(0)
		for q, x := range [4]float32{a[k], b[k], c[k], d[k]} {
			word |= (math.Float32bits(max(x, base)) + noiseOf(noise[k]^flip,
				q) - math.Float32bits(base)) >> 20 << (8 * q)
		}
		codes[k] = word
	}
}

// narrowNoisyGeneric sets dst = src rounded to bf16 with noise.
func narrowNoisyGeneric(dst []uint16, src []float32, noise []uint32, flip uint32) {
	for i := range dst {
		dst[i] = uint16((math.Float32bits(src[i]) + (noise[i]^flip)&0xffff) >> 16)
	}
}

// adamwNoisyGeneric is adamwGeneric with moments in bf16, rounded with noise.
func adamwNoisyGeneric(p []float32, m, v []uint16, g []float32,
	mnoise, vnoise []uint32, mflip, vflip uint32, t *adamStep) {
	var m1, v1 [64]float32
	for i := 0; i < len(p); i += len(m1) {
		to := min(i+len(m1), len(p))
		a, b := m1[:to-i], v1[:to-i]
		widenGeneric(a, m[i:to])
		widenGeneric(b, v[i:to])
		adamwGeneric(p[i:to], a, b, g[i:to], t)
		narrowNoisyGeneric(m[i:to], a, mnoise[i:to], mflip)
		narrowNoisyGeneric(v[i:to], b, vnoise[i:to], vflip)
	}
}
