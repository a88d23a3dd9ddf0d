package main

// Exponentials and what is made of them.

// exp is e^x as expf of the package cpu computes it, step by step.
func (k *kernel) exp(x *value) *value {
	one := k.one()
	x = k.lower(k.raise(x, k.bits(0xc2d00000, "expMin")), k.bits(0x42b20000, "expMax")).as("x")
	n := k.nearest(k.mul(x, k.bits(0x3fb8aa3b, "log2(e)"))).as("n")
	x = k.fnma(n, k.bits(0x3f317200, "ln2High"), x).as("r")
	x = k.fnma(n, k.bits(0x35bfbe8e, "ln2Low"), x).as("r")
	p := k.fma(k.bits(0x39500d01, "1/7!"), x, k.bits(0x3ab60b61, "1/6!")).as("p")
	for _, c := range []*value{k.bits(0x3c088889, "1/5!"), k.bits(0x3d2aaaab, "1/4!"), k.bits(0x3e2aaaab, "1/3!"), k.bits(0x3f000000, "1/2!"), one, one} {
		p = k.fma(p, x, c).as("p")
	}
	return k.scale2(p, n, one).as("exp")
}

func (k *kernel) one() *value { return k.bits(0x3f800000, "1") }

// onePlusExp is 1 + exp(-g).
func (k *kernel) onePlusExp(g *value) *value {
	return k.add(k.one(), k.exp(k.xor(g, k.bits(0x80000000, "sign")).as("-g"))).as("(1+exp(-g))")
}

var exps = []*kernel{
	describe("swiglu(y, g, u []float32)", "is y = g/(1+exp(-g)) * u", func(k *kernel) {
		k.each("y", func() {
			g := k.load("g")
			k.store("y", k.mul(k.div(g, k.onePlusExp(g)), k.load("u")))
		})
	}),
	describe("swigluGrad(dg, du, dy, g, u []float32)", "is, with s = 1/(1+exp(-g)), dg = dy*u*s*(1+g*(1-s)) and du = dy*g*s", func(k *kernel) {
		k.each("dg", func() {
			g := k.load("g")
			s := k.div(k.one(), k.onePlusExp(g)).as("s")
			ds := k.mul(k.load("dy"), s).as("ds")
			k.store("du", k.mul(ds, g))
			t := k.add(k.one(), k.mul(g, k.sub(k.one(), s)))
			k.store("dg", k.mul(k.mul(ds, k.load("u")), t))
		})
	}),
	describe("expSum(p, z []float32, top float32) (ret float32)", "is p = exp(z-top), and the sum of p", func(k *kernel) {
		s := k.sums("sums")
		k.each("p", func() {
			e := k.exp(k.sub(k.load("z"), k.arg("top")))
			k.store("p", e)
			k.sumTo(s, e)
		})
		k.result("ret", k.tree(s))
	}),
	describe("expMoments(z []float32, top float32) (sum, moment float32)", "is the sums of exp(z-top) and of exp(z-top)*(z-top), where 0*-Inf is nothing", func(k *kernel) {
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
	describe("logitGrad(z []float32, lse, inv, c, h, entropy float32)", "makes z inv*(-c*p - h*p*(log p + entropy)), p = exp(z-lse)", func(k *kernel) {
		minus := k.sub(k.bits(0, "0"), k.arg("c")).as("-c")
		k.each("z", func() {
			lp := k.sub(k.load("z"), k.arg("lse")).as("log p")
			p := k.exp(lp)
			t := k.nonzero(p, k.mul(k.add(lp, k.arg("entropy")), k.arg("h"))).as("t")
			k.store("z", k.mul(k.mul(p, k.sub(minus, t)), k.arg("inv")))
		})
	}),
	describe("scoreGrad(z, dp []float32, lse, delta, scale float32)", "makes z p = exp(z*scale-lse), and dp p*(dp-delta)*scale", func(k *kernel) {
		k.each("z", func() {
			p := k.exp(k.sub(k.mul(k.load("z"), k.arg("scale")), k.arg("lse")))
			k.store("z", p)
			k.store("dp", k.mul(k.mul(p, k.sub(k.load("dp"), k.arg("delta"))), k.arg("scale")))
		})
	}),
	loose(describe("softmaxStep(z, o, state []float32, scale float32)", `makes z exp(z*scale-top), top the maximum of z*scale and state[0]. The output o
and the sum state[1] so far are rescaled to it, and state[1] grows by the sum of z`, func(k *kernel) {
		least := k.bits(0xff800000, "-Inf")
		m := k.maxima(least)
		k.each("z", func() { k.maxTo(m, k.present(k.mul(k.load("z"), k.arg("scale")), least)) })
		was := k.peek("state", 0).as("old maximum")
		top := k.spread(k.max(k.treeMax(m), was)).as("top")
		s := k.sums("sums")
		k.each("z", func() {
			p := k.exp(k.sub(k.mul(k.load("z"), k.arg("scale")), top))
			k.store("z", p)
			k.sumTo(s, p)
		})
		sum := k.peek("state", 1).as("old sum")
		k.unlessEqual(top, was, func() {
			f := k.exp(k.sub(was, top)).as("factor")
			k.assign(sum, k.mul(sum, f))
			k.each("o", func() { k.store("o", k.mul(k.load("o"), f)) })
		})
		k.poke("state", 0, top)
		k.poke("state", 1, k.add(sum, k.tree(s)))
	})),
}

func loose(k *kernel) *kernel {
	k.loose = true
	return k
}
