package main

// Sums and elementwise operations on rows. Products and sums are rounded apart, as in plain Go, so
// that both give the same bits.

// ahead is how many bytes ahead rows that come from memory are prefetched: far enough for its
// latency, and across the end of a page, where the processor's own prefetching ends.
const ahead = 2048

var rows = []*kernel{
	describe("add(z, x, y []float32)", "sets z = x + y", func(k *kernel) {
		k.each("z", func() { k.store("z", k.add(k.load("x"), k.load("y"))) })
	}),
	describe("mul(z, x, y []float32)", "sets z = x * y", func(k *kernel) {
		k.each("z", func() { k.store("z", k.mul(k.load("x"), k.load("y"))) })
	}),
	describe("scale(x []float32, a float32)", "multiplies x by a", func(k *kernel) {
		k.each("x", func() { k.store("x", k.mul(k.load("x"), k.arg("a"))) })
	}),
	describe("divide(x []float32, a float32)", "divides x by a", func(k *kernel) {
		k.each("x", func() { k.store("x", k.div(k.load("x"), k.arg("a"))) })
	}),
	describe("scaleMul(y, x, w, next []float32, a float32)", "sets y = x * a * w and prefetches next", func(k *kernel) {
		k.each("y", func() {
			k.fetch("next", 0)
			k.store("y", k.mul(k.mul(k.load("x"), k.arg("a")), k.load("w")))
		})
	}),
	describe("mulAdd(z, x, y []float32, a float32)", "adds x * y * a to z", func(k *kernel) {
		k.each("z", func() {
			t := k.mul(k.mul(k.load("x"), k.load("y")), k.arg("a"))
			k.store("z", k.add(k.load("z"), t))
		})
	}),
	describe("scaleMulHalf(y []uint16, x, w, next []float32, a float32)", "does what scaleMul does, rounded to bf16",
		func(k *kernel) {
			k.each("y", func() {
				k.fetch("next", 0)
				k.store("y", k.rounded(k.mul(k.mul(k.load("x"), k.arg("a")), k.load("w"))))
			})
		}),
	describe("normSums(x, dy, w, next []float32) (squares, inner float32)",
		"returns Σ x² and Σ dy*w*x, each in 16 lanes, and prefetches next", func(k *kernel) {
			s, t := k.sums("squares"), k.sums("inner")
			k.each("x", func() {
				k.fetch("x", ahead)
				k.fetch("dy", ahead)
				k.fetch("next", 0)
				x := k.load("x")
				g := k.mul(k.load("dy"), k.load("w")).as("g")
				k.sumTo(s, k.mul(x, x))
				k.sumTo(t, k.mul(g, x))
			})
			k.result("squares", k.tree(s))
			k.result("inner", k.tree(t))
		}),
	describe("normGrad(dx, dy, w, x []float32, a, c float32)", "adds a*(dy*w) - x*c to dx", func(k *kernel) {
		k.each("dx", func() {
			g := k.mul(k.load("dy"), k.load("w")).as("g")
			t := k.sub(k.mul(k.arg("a"), g), k.mul(k.load("x"), k.arg("c")))
			k.store("dx", k.add(k.load("dx"), t))
		})
	}),
	ownLengths(describe("rotateRuns(y, x, cs []float32, sign float32)",
		"turns the pairs (x[j], x[j+d/2]) of every run of d elements of x, d the length of cs, "+
			"by the angles of cs. sign multiplies the sines: 1, or -1 to rotate back. y may be x", func(k *kernel) {
			k.pairs("cs", "x", func() {
				k.fetch("x", ahead)
				k.fetchOf("x", true, ahead)
				p, q := k.load("x").as("p"), k.loadUpper("x").as("q")
				c := k.load("cs").as("cos")
				s := k.mul(k.loadUpper("cs").as("sin"), k.arg("sign")).as("sin")
				k.store("y", k.sub(k.mul(p, c), k.mul(q, s)))
				k.storeUpper("y", k.add(k.mul(q, c), k.mul(p, s)))
			})
		})),
	describe("dot(x, y []float32) (ret float32)", "returns Σ x*y in 16 lanes", func(k *kernel) {
		s := k.sums("sums")
		k.each("x", func() {
			k.fetch("x", ahead)
			k.sumTo(s, k.mul(k.load("x"), k.load("y")))
		})
		k.result("ret", k.tree(s))
	}),
	describe("sumSquares(x []float32) (ret float64)", "returns Σ x² in 16 lanes of f64", func(k *kernel) {
		s := k.squares()
		k.each("x", func() {
			k.fetch("x", ahead)
			k.squareTo(s, k.load("x"))
		})
		k.result("ret", k.tree64(s))
	}),
	largest("max", "returns the largest element, NaN if there is one, -Inf of none", same),
	describe("adamw(p, m, v, g []float32, t *adamStep)", "updates parameters p with moments m, v and gradient g",
		func(k *kernel) {
			k.adamw(func(slice string, v *value) { k.store(slice, v) })
		}),
}

// largest describes the largest of what f makes of the elements.
func largest(name, doc string, f func(k *kernel, v *value) *value) *kernel {
	return describe(name+"(x []float32) (ret float32)", doc, func(k *kernel) {
		least := k.bits(0xff800000, "-Inf")
		m, n := k.maxima(least), k.sums("NaNs")
		k.each("x", func() {
			x := k.present(f(k, k.load("x")), least)
			k.maxTo(m, x)
			k.nanTo(n, x)
		})
		k.result("ret", k.ifNaN(k.tree(n).as("NaNs"), k.bits(0x7fc00000, "NaN"), k.treeMax(m)))
	})
}

// adamw describes a step of the optimizer. save stores its moments.
func (k *kernel) adamw(save func(slice string, v *value)) {
	s := func(name string) *value { return k.field("t", "adamStep", name) }
	k.each("p", func() {
		for _, x := range []string{"p", "m", "v", "g"} {
			k.fetch(x, ahead)
		}
		d := k.mul(k.load("g"), s("grad")).as("d")
		m := k.add(k.mul(s("beta1"), k.load("m")), k.mul(s("one1"), d)).as("m")
		save("m", m)
		v := k.add(k.mul(s("beta2"), k.load("v")), k.mul(k.mul(s("one2"), d), d)).as("v")
		save("v", v)
		root := k.add(k.mul(k.sqrt(v), s("root")), s("eps")).as("root")
		step := k.div(k.mul(s("rate"), m), root).as("step")
		p := k.load("p")
		k.store("p", k.sub(p, k.add(step, k.mul(s("decay"), p))))
	})
}
