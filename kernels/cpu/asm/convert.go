package main

// Conversions and copies.

// rounded returns the bf16 nearest to v, ties to even, in the low half of each lane. A NaN keeps
// its upper half and is quiet.
func (k *kernel) rounded(v *value) *value {
	up := k.shiftRight(v, 16).as("upper")
	odd := k.and(up, k.bits(1, "1"))
	r := k.shiftRight(k.addInt(k.addInt(odd, k.bits(0x7fff, "0x7fff")), v), 16).as("r")
	return k.ifNaN(v, k.or(up, k.bits(0x40, "quiet")), r).as("bf16")
}

// copyRows stores cols elements of each row of src, as f makes them, in those of dst.
func (k *kernel) copyRows(f func(k *kernel, v *value) *value) {
	k.rows([]line{k.apart("dst", "ldd"), k.apart("src", "lds")}, func() {
		k.each("cols", func() { k.store("dst", f(k, k.load("src"))) })
	})
}

func same(_ *kernel, v *value) *value { return v }

var converts = []*kernel{
	describe("widen(dst []float32, src []uint16)", "sets dst = src", func(k *kernel) {
		k.stream("dst", "src", func() { k.store("dst", k.load("src")) })
	}),
	describe("flowLines(dst, src []float32)",
		"sets dst = src with streaming stores, if there are any; dst starts a cache line", func(k *kernel) {
			k.each("dst", func() {
				k.fetch("src", ahead)
				k.storeStreaming("dst", k.load("src"))
			})
		}),
	describe("narrow(dst []uint16, src []float32)", "sets dst = src rounded to the nearest, ties to even",
		func(k *kernel) {
			k.each("dst", func() {
				k.fetch("src", ahead)
				k.store("dst", k.rounded(k.load("src")))
			})
		}),
	describe("round(x []float32)", "rounds x to the nearest bf16, in f32", func(k *kernel) {
		k.each("x", func() { k.store("x", k.shiftLeft(k.rounded(k.load("x")), 16)) })
	}),
	describe("pair(dst []float32, upper, lower []uint16)", "sets words of two bf16: dst = upper<<16 | lower",
		func(k *kernel) {
			k.each("dst", func() { k.store("dst", k.or(k.load("upper"), k.shiftRight(k.load("lower"), 16))) })
		}),
	describe("swap(dst, src []float32)", "exchanges the halves of words", func(k *kernel) {
		k.each("dst", func() {
			w := k.load("src")
			k.store("dst", k.or(k.shiftLeft(w, 16), k.shiftRight(w, 16)))
		})
	}),
	describe("integers(words []uint32, a, b, c, d []float32, sa, sb, sc, sd float32)",
		"sets the bytes of words, the lowest first, to a/sa, b/sb, c/sc and d/sd rounded to integers, ties to even",
		func(k *kernel) {
			k.each("words", func() {
				var word *value
				for q, slice := range []string{"a", "b", "c", "d"} {
					n := k.add(k.div(k.load(slice), k.arg("s"+slice)), k.bits(0x4b400000, "1½*2^23"))
					word = k.intoWord(word, k.and(n, k.bits(0xff, "255")).as("n"), q)
				}
				k.store("words", word)
			})
		}),
	ownLengths(describe("copyRows(dst []float32, ldd int, src []float32, lds, rows, cols int)",
		"sets dst[i*ldd+j] = src[i*lds+j] for i < rows and j < cols, both positive", func(k *kernel) {
			k.copyRows(same)
		})),
	ownLengths(describe("widenRows(dst []float32, ldd int, src []uint16, lds, rows, cols int)",
		"sets dst[i*ldd+j] = src[i*lds+j] for i < rows and j < cols, both positive", func(k *kernel) {
			k.copyRows(same)
		})),
	ownLengths(describe("upperRows(dst []float32, ldd int, src []float32, lds, rows, cols int)",
		"copies as copyRows does, of each word the upper half alone", func(k *kernel) {
			k.copyRows(func(k *kernel, v *value) *value { return k.and(v, k.bits(0xffff0000, "upper half")) })
		})),
	ownLengths(describe("lowerRows(dst []float32, ldd int, src []float32, lds, rows, cols int)",
		"copies as copyRows does, of each word the lower half, shifted up", func(k *kernel) {
			k.copyRows(func(k *kernel, v *value) *value { return k.shiftLeft(v, 16) })
		})),
	handwritten("transpose", describe("transpose4(dst []float32, ldd int, src []float32, lds, cols int)",
		"sets dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols, a positive multiple of 4", nil)),
	describe("touch(x []float32)", "reads x and writes it as it is", func(k *kernel) {
		k.each("x", func() {
			k.fetch("x", ahead)
			k.store("x", k.load("x"))
		})
	}),
	handwritten("peak", describe("peakStep(n int)",
		"does n steps of 24*16 independent fused multiply-adds on registers", nil)),
}

// handwritten marks a kernel that each machine writes itself.
func handwritten(what string, k *kernel) *kernel {
	k.handwritten, k.ownLengths = what, true
	return k
}
