package main

import "fmt"

// Moments of the optimizer in fewer bits than f32: tensor.MomentRun and kernels.Noise say what they
// are. A word of codes is an element of each of four slices.

// noisy returns the bf16 of v, rounded with the random bits of words^flip.
func (k *kernel) noisy(v *value, words, flip string) *value {
	low := k.and(k.xor(k.load(words), k.arg(flip)), k.bits(0xffff, "16 bits")).as("low")
	return k.shiftRight(k.addInt(v, low), 16).as("bf16")
}

// quarters calls f for the slices a to d, with their place in a word, and, if there is noise, 20
// bits of it.
func (k *kernel) quarters(noisy bool, f func(slice string, q int, noise *value)) {
	var n [4]*value
	if noisy {
		all := k.bits(0xfffff, "20 bits")
		x := k.xor(k.load("noise"), k.arg("flip")).as("x")
		n[0], n[1] = k.and(x, all).as("low"), k.shiftRight(x, 12).as("high")
		n[2], n[3] = k.xor(n[0], all).as("^low"), k.xor(n[1], all).as("^high")
	}
	for q, slice := range []string{"a", "b", "c", "d"} {
		f(slice, q, n[q])
	}
}

// toStep moves byte q of a word of codes to where a code is added to a base, and the bits that mask
// leaves.
func (k *kernel) toStep(word *value, q int, mask uint32) *value {
	v := k.shiftLeft
	n := 20 - 8*q
	if n < 0 {
		v, n = k.shiftRight, -n
	}
	return k.and(v(word, n), k.bits(mask, fmt.Sprintf("%#x", mask))).as("c<<20")
}

// code returns the code between 0 and 255 of a base and the bits of y, rounded with noise.
func (k *kernel) code(y, noise *value) *value {
	return k.shiftRight(k.subInt(k.addInt(y, noise), k.arg("base")), 20).as("c")
}

// intoWord returns word with code c as its byte q.
func (k *kernel) intoWord(word, c *value, q int) *value {
	if q == 0 {
		return c
	}
	return k.or(word, k.shiftLeft(c, 8*q)).as("word")
}

var moments = []*kernel{
	largest("maxAbs", "returns the largest magnitude, NaN if there is one, -Inf of none",
		func(k *kernel, v *value) *value {
			return k.and(v, k.bits(0x7fffffff, "magnitude"))
		}),
	describe("unpackM(a, b, c, d []float32, codes []uint32, base float32)",
		"sets a to d to what the codes of an M8 matrix stand for", func(k *kernel) {
			k.each("a", func() {
				k.fetch("codes", ahead)
				word := k.load("codes").as("word")
				k.quarters(false, func(slice string, q int, _ *value) {
					y := k.addInt(k.toStep(word, q, 0x07f00000), k.arg("base"))
					sign := k.and(k.shiftLeft(word, 24-8*q), k.bits(1<<31, "sign")).as("sign")
					k.store(slice, k.or(k.sub(y, k.arg("base")), sign))
				})
			})
		}),
	describe("unpackV(a, b, c, d []float32, codes []uint32, base float32)",
		"sets a to d to what the codes of a V8 matrix stand for", func(k *kernel) {
			k.each("a", func() {
				k.fetch("codes", ahead)
				word := k.load("codes").as("word")
				k.quarters(false, func(slice string, q int, _ *value) {
					k.store(slice, k.addInt(k.toStep(word, q, 0x0ff00000), k.arg("base")))
				})
			})
		}),
	describe("packM(codes []uint32, a, b, c, d []float32, noise []uint32, base float32, flip uint32)",
		"sets the codes of an M8 matrix", func(k *kernel) {
			k.each("codes", func() {
				var word *value
				k.quarters(true, func(slice string, q int, noise *value) {
					x := k.load(slice)
					y := k.add(k.and(x, k.bits(0x7fffffff, "magnitude")).as("|"+slice+"|"), k.arg("base"))
					sign := k.and(k.shiftRight(x, 24), k.bits(0x80, "sign")).as("sign")
					word = k.intoWord(word, k.or(k.code(y, noise), sign).as("c"), q)
				})
				k.store("codes", word)
			})
		}),
	describe("packV(codes []uint32, a, b, c, d []float32, noise []uint32, base float32, flip uint32)",
		"sets the codes of a V8 matrix", func(k *kernel) {
			k.each("codes", func() {
				var word *value
				k.quarters(true, func(slice string, q int, noise *value) {
					word = k.intoWord(word, k.code(k.raise(k.load(slice), k.arg("base")), noise), q)
				})
				k.store("codes", word)
			})
		}),
	describe("narrowNoisy(dst []uint16, src []float32, noise []uint32, flip uint32)",
		"sets dst = src rounded to bf16 with noise", func(k *kernel) {
			k.each("dst", func() { k.store("dst", k.noisy(k.load("src"), "noise", "flip")) })
		}),
	describe("adamwNoisy(p []float32, m, v []uint16, g []float32, "+
		"mnoise, vnoise []uint32, mflip, vflip uint32, t *adamStep)",
		"does what adamw does with moments in bf16, rounded with noise", func(k *kernel) {
			k.adamw(func(slice string, v *value) { k.store(slice, k.noisy(v, slice+"noise", slice+"flip")) })
		}),
}
