package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkPrimitives runs the primitives on rows in the first-level cache: hidden sizes of the
// nano model and of a 0.5B model, and a longer row.
func BenchmarkPrimitives(b *testing.B) {
	step := &adamStep{.9, .95, .1, .05, 2, 1e-3, 1.5, 1e-8, 1e-4}
	for _, n := range []int{128, 896, 4096} {
		o := draw(rand.New(rand.NewPCG(1, 2)), n, 0, heap)
		for i, v := range o.x[5] {
			o.x[5][i] = v * v
		}
		zero := make([]float32, n)
		x, y, z, state := o.x[0], o.x[1], o.x[2], make([]float32, 3)
		f := mat{f: x, rows: n / 32, cols: 32, stride: 32}
		h := mat{h: o.half, half: true, rows: n / 32, cols: 32, stride: 32}
		for _, c := range []struct {
			name string
			run  func(s isa)
		}{
			{"add", func(s isa) { s.add(z, x, y) }},
			{"scale", func(s isa) { s.scale(x, 1) }},
			{"divide", func(s isa) { s.divide(x, 1) }},
			{"scaleMul", func(s isa) { s.scaleMul(z, x, y, x, 2) }},
			{"mulAdd", func(s isa) { s.mulAdd(z, x, zero, 2) }},
			{"normGrad", func(s isa) { s.normGrad(z, zero, y, zero, 2, 2) }},
			{"rotate", func(s isa) { s.rotate(z, x, y, 1) }},
			{"dot", func(s isa) { s.dot(x, y) }},
			{"sumSquares", func(s isa) { s.sumSquares(x) }},
			{"max", func(s isa) { s.max(x) }},
			{"adamw", func(s isa) { s.adamw(o.x[3], o.x[4], o.x[5], y, step) }},
			{"swiglu", func(s isa) { s.swiglu(z, x, y) }},
			{"swigluGrad", func(s isa) { s.swigluGrad(o.x[3], z, zero, x, y) }},
			{"expSum", func(s isa) { s.expSum(z, x, 2) }},
			{"expMoments", func(s isa) { s.expMoments(x, 2) }},
			{"softmax", func(s isa) { // of 64 scores, n the length of the output
				copy(z[:64], x)
				s.softmax(z[:64], o.x[3], len(o.x[3]), state, 1, 64, .1, false)
			}},
			{"widen", func(s isa) { s.widen(z, o.half) }},
			{"narrow", func(s isa) { s.narrow(o.bits, x) }},
			{"round", func(s isa) { s.round(x) }},
			{"loadF32", func(s isa) { s.load(z, 32, &f, 0, n/32, 0, 32) }},
			{"loadBF16", func(s isa) { s.load(z, 32, &h, 0, n/32, 0, 32) }},
			{"transpose", func(s isa) { s.transpose(z, 16, x, n/16, n/16) }},
		} {
			for _, s := range assembly() {
				b.Run(fmt.Sprintf("%s/%v/%d", c.name, s, n), func(b *testing.B) {
					for b.Loop() {
						c.run(s)
					}
					b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(n)*16, "ns/16")
				})
			}
		}
	}
}
