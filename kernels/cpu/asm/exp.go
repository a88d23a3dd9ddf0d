package main

// Exponentials and what is made of them.

// exp returns e^x as expf of the package cpu computes it, step by step.
func (k *kernel) exp(x *value) *value {
	return k.expWithin(k.lower(k.raise(x, k.bits(0xc2d00000, "expMin")), k.bits(0x42b20000, "expMax")).as("x"))
}

// expOfNegative returns exp for x ≤ 0.
func (k *kernel) expOfNegative(x *value) *value {
	return k.expWithin(k.raise(x, k.bits(0xc2d00000, "expMin")).as("x"))
}

// expWithin returns exp for expMin ≤ x ≤ expMax.
func (k *kernel) expWithin(x *value) *value {
	one := k.one()
	n := k.nearest(k.mul(x, k.bits(0x3fb8aa3b, "log2(e)"))).as("n")
	x = k.fnma(n, k.bits(0x3f317200, "ln2High"), x).as("r")
	x = k.fnma(n, k.bits(0x35bfbe8e, "ln2Low"), x).as("r")
	p := k.fma(k.bits(0x39500d01, "1/7!"), x, k.bits(0x3ab60b61, "1/6!")).as("p")
	for _, c := range []*value{k.bits(0x3c088889, "1/5!"), k.bits(0x3d2aaaab, "1/4!"), k.bits(0x3e2aaaab, "1/3!"),
		k.bits(0x3f000000, "1/2!"), one, one} {
		p = k.fma(p, x, c).as("p")
	}
	return k.scale2(p, n, one).as("exp")
}

func (k *kernel) one() *value { return k.bits(0x3f800000, "1") }

// onePlusExp returns 1 + exp(-g).
func (k *kernel) onePlusExp(g *value) *value {
	return k.add(k.one(), k.exp(k.xor(g, k.bits(0x80000000, "sign")).as("-g"))).as("(1+exp(-g))")
}

var exps = []*kernel{
	describe("swiglu(y, g, u []float32)", "sets y = g/(1+exp(-g)) * u", func(k *kernel) {
		k.each("y", func() {
			k.fetch("g", ahead)
			k.fetch("u", ahead)
			g := k.load("g")
			k.store("y", k.mul(k.div(g, k.onePlusExp(g)), k.load("u")))
		})
	}),
	describe("swigluGrad(dg, du, dy, g, u []float32)",
		"sets, with s = 1/(1+exp(-g)), dg = dy*u*s*(1+g*(1-s)) and du = dy*g*s", func(k *kernel) {
			k.each("dg", func() {
				for _, x := range []string{"dy", "g", "u"} {
					k.fetch(x, ahead)
				}
				g := k.load("g")
				s := k.div(k.one(), k.onePlusExp(g)).as("s")
				ds := k.mul(k.load("dy"), s).as("ds")
				k.store("du", k.mul(ds, g))
				t := k.add(k.one(), k.mul(g, k.sub(k.one(), s)))
				k.store("dg", k.mul(k.mul(ds, k.load("u")), t))
			})
		}),
	describe("expSum(p, z []float32, top float32) (ret float32)", "sets p = exp(z-top) and returns the sum of p",
		func(k *kernel) {
			s := k.sums("sums")
			k.each("p", func() {
				e := k.exp(k.sub(k.load("z"), k.arg("top")))
				k.store("p", e)
				k.sumTo(s, e)
			})
			k.result("ret", k.tree(s))
		}),
	describe("rank(b []uint16, z []float32, top float32)",
		"sets b to the nearest integer to 32*(top-z), 1023 at most and if that is NaN; z is top at most",
		func(k *kernel) {
			k.each("b", func() {
				d := k.mul(k.sub(k.load("z"), k.arg("top")), k.bits(0x42000000, "32")).as("d")
				d = k.max(d, k.bits(0xc47fc000, "-1023")).as("d")
				n := k.sub(k.bits(0x4b000000, "2^23"), d).as("n")
				k.store("b", k.and(n, k.bits(1023, "1023")))
			})
		}),
	describe("expMoments(z []float32, top float32) (sum, moment float32)",
		"returns the sums of exp(z-top) and of exp(z-top)*(z-top), with 0*-Inf = 0", func(k *kernel) {
			s, t := k.sums("sums"), k.sums("moments")
			k.each("z", func() {
				d := k.sub(k.load("z"), k.arg("top")).as("d")
				e := k.exp(d)
				k.sumTo(s, e)
				k.sumTo(t, k.nonzero(e, k.mul(e, d)).as("exp*d"))
			})
			k.result("sum", k.tree(s))
			k.result("moment", k.tree(t))
		}),
	describe("logitGrad(z []float32, lse, inv, c, h, entropy float32)",
		"sets z = inv*(-c*p - h*p*(log p + entropy)), p = exp(z-lse)", func(k *kernel) {
			minus := k.sub(k.bits(0, "0"), k.arg("c")).as("-c")
			k.each("z", func() {
				lp := k.sub(k.load("z"), k.arg("lse")).as("log p")
				p := k.exp(lp)
				t := k.nonzero(p, k.mul(k.add(lp, k.arg("entropy")), k.arg("h"))).as("t")
				k.store("z", k.mul(k.mul(p, k.sub(minus, t)), k.arg("inv")))
			})
		}),
	scoreGrad(""), scoreGrad("Half"),
	softmaxStep(""), softmaxStep("Half"),
	ownLengths(describe("mergeSums(o, p []float32, d int, state, run []float32, rows int)",
		"adds to each row of o, d long, that of p, and run[1] to state[1], each side rescaled from its maximum, "+
			"state[0] and run[0], to the larger one, state[0] from then on. It leaves p 0, run[0] -Inf and run[1] 0. "+
			"Rows with run[1] = 0 stay as they are. state and run have 3 numbers per row",
		func(k *kernel) {
			zero, least := k.bits(0, "0"), k.bits(0xff800000, "-Inf")
			k.rows([]line{k.apart("o", "d"), k.apart("p", "d"), k.every(3, "state"), k.every(3, "run")}, func() {
				sum := k.peek("run", 1)
				k.unlessEqual(sum, zero, func() {
					was, now := k.peek("state", 0).as("maximum"), k.peek("run", 0).as("maximum of the run")
					top, total := k.max(was, now).as("top"), k.peek("state", 1)
					k.unlessEqual(top, was, func() {
						f := k.expOfNegative(k.sub(was, top)).as("factor")
						k.assign(total, k.mul(total, f))
						k.each("d", func() { k.store("o", k.mul(k.load("o"), f)) })
					})
					f := k.expOfNegative(k.sub(now, top)).as("factor of the run")
					k.blocks("d", func() {
						p := k.load("p")
						k.store("o", k.add(k.load("o"), k.mul(p, f)))
						k.store("p", k.and(p, zero).as("0"))
					})
					k.poke("state", 0, top)
					k.poke("state", 1, k.add(total, k.mul(sum, f)))
					k.poke("run", 0, least)
					k.poke("run", 1, zero)
				})
			})
		})),
}

// softmaxStep describes a step of the online softmax. It takes the maxima of all rows before the
// first exponential: a tree of 16 lanes is a long chain, and those of different rows do not wait
// for each other.
func softmaxStep(suffix string) *kernel {
	return ownLengths(describe("softmaxStep"+suffix+
		"(z []float32, ldz int, o []float32, d int, state []float32, rows, cols int, scale float32)",
		"turns rows rows of cols scores z, ldz apart, into exp(z*scale-top), top the maximum of z*scale and state[0]. "+
			"It rescales the row of o, d long, and the sum state[1] so far to top, and adds the sum of z to state[1]. "+
			"state has 3 numbers per row, the third for top; scale is positive"+alsoRounds(suffix, "z"),
		func(k *kernel) {
			least := k.bits(0xff800000, "-Inf")
			z, state := k.apart("z", "ldz"), k.every(3, "state")
			k.rows([]line{z, state}, func() {
				m := k.maxima(least)
				k.blocks("cols", func() { k.maxTo(m, k.present(k.load("z"), least)) })
				k.poke("state", 2, k.max(k.mul(k.treeMax(m), k.arg("scale")), k.peek("state", 0)).as("top"))
			})
			k.rows([]line{z, k.apart("o", "d"), state}, func() {
				top, s := k.peek("state", 2).as("top"), k.sums("sums")
				k.blocks("cols", func() {
					p := k.expOfNegative(k.sub(k.mul(k.load("z"), k.arg("scale")), top))
					k.sumTo(s, p)
					k.storeAs(suffix, "z", p)
				})
				was, sum := k.peek("state", 0).as("old maximum"), k.peek("state", 1).as("old sum")
				k.unlessEqual(top, was, func() {
					k.unlessEqual(sum, k.bits(0, "0"), func() {
						f := k.expOfNegative(k.sub(was, top)).as("factor")
						k.assign(sum, k.mul(sum, f))
						k.each("d", func() { k.store("o", k.mul(k.load("o"), f)) })
					})
				})
				k.poke("state", 0, top)
				k.poke("state", 1, k.add(sum, k.tree(s)))
			})
		}))
}

// scoreGrad describes the step backwards.
func scoreGrad(suffix string) *kernel {
	return ownLengths(describe("scoreGrad"+suffix+
		"(z, dp []float32, ldz int, lse, delta []float32, rows, cols int, scale float32)",
		"turns rows rows of cols scores z into p = exp(z*scale-lse), and dp into p*(dp-delta)*scale, "+
			"with lse and delta of the row; rows of z and dp are ldz apart"+alsoRounds(suffix, "both"),
		func(k *kernel) {
			k.rows([]line{k.apart("z", "ldz"), k.apart("dp", "ldz"), k.every(1, "lse"), k.every(1, "delta")}, func() {
				lse, delta := k.peek("lse", 0), k.peek("delta", 0)
				k.blocks("cols", func() {
					p := k.exp(k.sub(k.mul(k.load("z"), k.arg("scale")), lse)).as("p")
					ds := k.mul(k.mul(p, k.sub(k.load("dp"), delta)), k.arg("scale")).as("ds")
					k.storeAs(suffix, "z", p)
					k.storeAs(suffix, "dp", ds)
				})
			})
		}))
}

// alsoRounds returns what the doc of a kernel says of rounding.
func alsoRounds(suffix, what string) string {
	if suffix == "" {
		return ""
	}
	return ". It rounds " + what + " to bf16"
}

// storeAs stores v, in a kernel of the suffix Half rounded to the nearest bf16, ties to even.
func (k *kernel) storeAs(suffix, slice string, v *value) {
	if suffix == "Half" {
		odd := k.and(k.shiftRight(v, 16).as("upper"), k.bits(1, "1"))
		r := k.addInt(k.addInt(odd, k.bits(0x7fff, "0x7fff")), v).as("r")
		v = k.and(k.ifNaN(v, v, r), k.bits(0xffff0000, "upper half")).as("bf16")
	}
	k.store(slice, v)
}

// ownLengths marks a kernel whose slices have lengths of their own.
func ownLengths(k *kernel) *kernel {
	k.ownLengths = true
	return k
}
