package cpu

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// operands are the arguments of one call of a primitive and, after it, what it wrote.
type operands struct {
	n    int
	x    [6][]float32 // n elements each
	half []uint16     // n elements
	bits []uint16     // n elements, for results in bf16
	a, c float32
	out  []float32 // results that are not in x and bits
}

// memory gives operands their slices.
type memory struct {
	floats func(n int) []float32
	halves func(n int) []uint16
}

var heap = memory{
	func(n int) []float32 { return make([]float32, n) },
	func(n int) []uint16 { return make([]uint16, n) },
}

// special are the values at which a step of a primitive changes its course.
var special = []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)),
	float32(math.Inf(-1)),
	1e-40, -1e-42, 1e30, -1e30, math.MaxFloat32, 88.5, 88.75, 89.5, -87.5, -103.5, -104.5}

// draw fills operands in one of five ways: numbers around 1 three times, every fourth of them
// special, and numbers between -110 and 95, over which exp runs from 0 to +Inf. It uses no
// arithmetic that a processor could round in its own way.
func draw(rng *rand.Rand, n, way int, mem memory) *operands {
	o := &operands{n: n, half: mem.halves(n), bits: mem.halves(n), a: around1(rng), c: around1(rng)}
	for i := range o.x {
		o.x[i] = mem.floats(n)
		for j := range o.x[i] {
			switch {
			case way == 4:
				o.x[i][j] = float32(float32(rng.Uint32()>>8)*(205.0/(1<<24))) - 110
			case way == 3 && rng.Uint32()&3 == 0:
				o.x[i][j] = special[rng.Uint32()%uint32(len(special))]
			default:
				o.x[i][j] = around1(rng)
			}
		}
	}
	for i := range o.half {
		o.half[i] = uint16(rng.Uint32())
	}
	return o
}

// around1 returns a number between 2⁻⁷ and 2⁴ of either sign.
func around1(rng *rand.Rand) float32 {
	u := rng.Uint32()
	return math.Float32frombits(u&0x807fffff | (120+u>>23&0xff%11)<<23)
}

// results returns everything a call wrote, bit for bit. NaNs differ from machine to machine in sign
// and payload, and count as equal.
func (o *operands) results() []uint32 {
	var r []uint32
	for _, f := range append(slices.Concat(o.x[:]...), o.out...) {
		if f != f {
			f = float32(math.NaN())
		}
		r = append(r, math.Float32bits(f))
	}
	for _, h := range o.bits {
		r = append(r, uint32(h))
	}
	return r
}

// floats returns the same as numbers.
func (o *operands) floats() []float32 {
	r := append(slices.Concat(o.x[:]...), o.out...)
	for _, h := range o.bits {
		r = append(r, tensor.BF16Float(h))
	}
	return r
}

// A primitive is one of the functions that every instruction set has.
type primitive struct {
	name string
	ulps int32 // distance from plain Go; -1 is a relative tolerance instead
	run  func(s isa, o *operands)
	want [2]uint64 // hash of the results, as is and with denormals flushed
}

// scoreGrad runs f on a row of scores.
func (o *operands) scoreGrad(f func(z, dp []float32, ldz int, lse, delta []float32, rows, cols int, scale float32)) {
	f(o.x[0], o.x[1], o.n, []float32{4}, []float32{o.c}, 1, o.n, .3)
}

// softmax runs a step of the online softmax of a row of up to 64 scores.
func (o *operands) softmax(s isa, half bool) {
	z := make([]float32, 64)
	seen := copy(z, o.x[0])
	for i, v := range z { // a NaN among the scores makes the row one, whatever the maximum
		if v != v {
			z[i] = 0
		}
	}
	state := []float32{o.c, 2, 0}
	s.softmax(z, o.x[1], len(o.x[1]), state, 1, seen, .25, half)
	o.out = append(z, state[:2]...)
}

// integers rounds finite numbers, as those of runs of int8.
func (o *operands) integers(s isa) {
	var by [4]float32
	for j := range by {
		for i, v := range o.x[j] {
			if !(math.Abs(float64(v)) < 1e38) {
				o.x[j][i] = 1
			}
		}
		by[j] = max(1, s.maxAbs(o.x[j])) / 127
	}
	words := make([]uint32, o.n)
	s.integers(words, o.x[0], o.x[1], o.x[2], o.x[3], by[0], by[1], by[2], by[3])
	for _, w := range words {
		o.out = append(o.out, float32(w>>16), float32(w&0xffff))
	}
}

// mergeSums merges three rows of sums, the second of no keys, into those of some keys, of some, and of
// none.
func (o *operands) mergeSums(s isa) {
	d := o.n / 3
	state := []float32{o.a, 2, 0, o.a, 3, 0, float32(math.Inf(-1)), 0, 0}
	run := []float32{o.c, 3, 0, float32(math.Inf(-1)), 0, 0, o.c, 1, 0}
	for i := 2 * d; i < 3*d; i++ {
		o.x[0][i] = float32(math.Copysign(0, -1))
	}
	s.mergeSums(o.x[0], o.x[1], d, state, run, 3)
	o.out = append(state, run...)
}

// moments rounds finite numbers to codes with noise, and reads them.
func (o *operands) moments(s isa, t tensor.DType) {
	for i, v := range o.x[0] {
		if !(math.Abs(float64(v)) < 1e38) {
			o.x[0][i] = 1
		}
	}
	base := kernels.MomentBase(t, max(1, s.maxAbs(o.x[0])))
	n := o.n / 4
	codes, noise := make([]uint32, n), make([]uint32, n)
	for i := range noise {
		noise[i] = uint32(o.half[2*i])<<16 | uint32(o.half[2*i+1])
	}
	from, to := o.x[0], o.x[1]
	if t == tensor.M8 {
		s.packM(codes, from[:n], from[n:], from[2*n:], from[3*n:], noise, base, 0x7fa12345)
		s.unpackM(to[:n], to[n:], to[2*n:], to[3*n:], codes, base)
	} else {
		s.packV(codes, from[:n], from[n:], from[2*n:], from[3*n:], noise, base, 0x7fa12345)
		s.unpackV(to[:n], to[n:], to[2*n:], to[3*n:], codes, base)
	}
	for _, w := range codes {
		o.out = append(o.out, float32(w>>16), float32(w&0xffff))
	}
}

var primitives = []primitive{
	{"add", 0, func(s isa, o *operands) { s.add(o.x[0], o.x[1], o.x[2]) }, [2]uint64{0xb8add9599174328e, 0x7e6a3069a04eb4aa}},
	{"mul", 0, func(s isa, o *operands) { s.mul(o.x[0], o.x[1], o.x[2]) }, [2]uint64{0x2862c3396cf472d, 0xb09c95a469d68bb3}},
	{"scale", 0, func(s isa, o *operands) { s.scale(o.x[0], o.a) }, [2]uint64{0x48a80ce3cde1dd5b, 0x3d52872f1e7f1e3d}},
	{"divide", 0, func(s isa, o *operands) { s.divide(o.x[0], o.a) }, [2]uint64{0xa007a982ef2bb166, 0x60f32413f9f89c16}},
	{"scaleMul", 0, func(s isa, o *operands) { s.scaleMul(o.x[0], o.x[1], o.x[2], o.x[3], o.a) }, [2]uint64{0x4176232835f6d219, 0xeff3997f77c34712}},
	{"scaleMulHalf", 0, func(s isa, o *operands) {
		s.scaleMulHalf(o.bits, o.x[1], o.x[2], o.x[3], o.a)
		for i, h := range o.bits { // as numbers, among which one NaN is like another
			o.out = append(o.out, tensor.BF16Float(h))
			o.bits[i] = 0
		}
	}, [2]uint64{0x2b4c350f832b20eb, 0x47068bfa37d06971}},
	{"mulAdd", 0, func(s isa, o *operands) { s.mulAdd(o.x[0], o.x[1], o.x[2], o.a) }, [2]uint64{0x21c78383eeb0003e, 0x6976e1807b661d0b}},
	{"normGrad", 0, func(s isa, o *operands) { s.normGrad(o.x[0], o.x[1], o.x[2], o.x[3], o.a, o.c) }, [2]uint64{0xe0ca23b69d162e74, 0xff53267d94cbe047}},
	{"normSums", 0, func(s isa, o *operands) {
		squares, inner := s.normSums(o.x[0], o.x[1], o.x[2], o.x[3])
		o.out = []float32{squares, inner}
	}, [2]uint64{0x64554aee68b131e2, 0xe962a5a2660bcff6}},
	{"rotate", 0, func(s isa, o *operands) {
		even := o.n &^ 1
		s.rotate(o.x[0][:even], o.x[1][:even], o.x[2][:even], 1)
		s.rotate(o.x[3][:even], o.x[3][:even], o.x[4][:even], -1)
	}, [2]uint64{0xae278c8e1d78811d, 0xeb5f0d1819b8f5fa}},
	{"rotate of runs", 0, func(s isa, o *operands) {
		if run := o.n / 6 * 2; run > 0 {
			s.rotate(o.x[0][:3*run], o.x[1][:3*run], o.x[2][:run], -1)
		}
	}, [2]uint64{0x3b0dffd4927f07f9, 0x4e188e06f2cf88b9}},
	{"dot", 0, func(s isa, o *operands) { o.out = []float32{s.dot(o.x[0], o.x[1])} }, [2]uint64{0x22dc40629fe78e74, 0x5f18e2da70292074}},
	{"sumSquares", 0, func(s isa, o *operands) {
		v := s.sumSquares(o.x[0])
		o.out = []float32{float32(v), float32(v - float64(float32(v)))}
	}, [2]uint64{0x15da4808bb540d76, 0x15da4808bb540d76}},
	{"max", 0, func(s isa, o *operands) { o.out = []float32{s.max(o.x[0])} }, [2]uint64{0x88dc04f7a03cff48, 0x88dc04f7a03cff48}},
	{"maxAbs", 0, func(s isa, o *operands) { o.out = []float32{s.maxAbs(o.x[0])} }, [2]uint64{0x5bb9ebd15e4f817e, 0x5bb9ebd15e4f817e}},
	{"integers", 0, func(s isa, o *operands) { o.integers(s) }, [2]uint64{0x880211e04fe120c6, 0x880211e04fe120c6}},
	{"moments in M8", 0, func(s isa, o *operands) { o.moments(s, tensor.M8) }, [2]uint64{0xeeb3ad8f77000bd6, 0xeeb3ad8f77000bd6}},
	{"moments in V8", 0, func(s isa, o *operands) { o.moments(s, tensor.V8) }, [2]uint64{0x6f084bbf0c34404d, 0x6f084bbf0c34404d}},
	{"narrowNoisy", 0, func(s isa, o *operands) {
		noise := make([]uint32, o.n)
		for i, h := range o.half {
			noise[i] = uint32(h) * 0x9e3779b1
		}
		s.narrowNoisy(o.bits, o.x[0], noise, 0x7fa12345)
	}, [2]uint64{0x58ce5db6341d73d1, 0x58ce5db6341d73d1}},
	{"adamwNoisy", 0, func(s isa, o *operands) {
		noise := make([]uint32, o.n)
		m, v := make([]uint16, o.n), make([]uint16, o.n)
		for i, h := range o.half {
			noise[i] = uint32(h) * 0x9e3779b1
			m[i], v[i] = h&0xbfff, h&0x3fff // finite, and v positive
		}
		s.adamwNoisy(o.x[0], m, v, o.x[1], noise, noise, 0x7fa12345, 0x12345678,
			&adamStep{.9, .95, .1, .05, 2, 1e-3, 1.5, 1e-8, 1e-4})
		for i := range m { // as numbers, among which one NaN is like another
			o.out = append(o.out, tensor.BF16Float(m[i]), tensor.BF16Float(v[i]))
		}
	}, [2]uint64{0xf092bd5946f764d6, 0x9a7036ce76417211}},
	{"adamw", 0, func(s isa, o *operands) {
		for i, v := range o.x[2] {
			o.x[2][i] = v * v
		}
		s.adamw(o.x[0], o.x[1], o.x[2], o.x[3], &adamStep{.9, .95, .1, .05, 2, 1e-3, 1.5, 1e-8, 1e-4})
	}, [2]uint64{0x6f62051b8f2ace6a, 0x697084cf2274948}},
	{"swiglu", 2, func(s isa, o *operands) { s.swiglu(o.x[0], o.x[1], o.x[2]) }, [2]uint64{0x4406e2c170ba502c, 0x8c0e46ec9538781d}},
	{"swigluGrad", -1, func(s isa, o *operands) { s.swigluGrad(o.x[0], o.x[1], o.x[2], o.x[3], o.x[4]) }, [2]uint64{0x8d12b84b1cbf1138, 0xaabe74ba6b15b6b7}},
	{"expSum", 4, func(s isa, o *operands) { o.out = []float32{s.expSum(o.x[0], o.x[1], o.a)} }, [2]uint64{0xb6a45b76c848232f, 0xf55ec8cc764874bc}},
	{"rank", 0, func(s isa, o *operands) {
		top := s.max(o.x[0])
		for _, v := range o.x[0] {
			if v != v {
				top = v
			}
		}
		s.rank(o.bits, o.x[0], top)
	}, [2]uint64{0x91e878e9a0081727, 0x91e878e9a0081727}},
	{"expMoments", -1, func(s isa, o *operands) {
		sum, moment := s.expMoments(o.x[0], o.a)
		o.out = []float32{sum, moment}
	}, [2]uint64{0x6e656205145878aa, 0x6e656205145878aa}},
	{"logitGrad", -1, func(s isa, o *operands) { s.logitGrad(o.x[0], o.a, o.c, .5, .25, 2) }, [2]uint64{0x8192305b995cdf9c, 0x8dcba8af4ac1f74}},
	{"scoreGrad", 4, func(s isa, o *operands) { o.scoreGrad(s.scoreGrad) }, [2]uint64{0xf1c871a49d930cc, 0xf1c871a49d930cc}},
	{"scoreGradHalf", -1, func(s isa, o *operands) { o.scoreGrad(s.scoreGradHalf) }, [2]uint64{0x88a58a8c98d09b4f, 0x88a58a8c98d09b4f}},
	{"softmaxHalf", -1, func(s isa, o *operands) { o.softmax(s, true) }, [2]uint64{0x9f6a821fe4960d88, 0x1c92fad3f3d2e824}},
	{"softmax", -1, func(s isa, o *operands) { o.softmax(s, false) }, [2]uint64{0xc1df5c731e425d06, 0x6210d783cda66a52}},
	{"mergeSums", -1, func(s isa, o *operands) { o.mergeSums(s) }, [2]uint64{0x67b77c73e2404eb8, 0x50639c3db3112e64}},
	{"widen", 0, func(s isa, o *operands) { s.widen(o.x[0], o.half) }, [2]uint64{0x593137a2943406e5, 0x593137a2943406e5}},
	{"touch", 0, func(s isa, o *operands) { s.touch(o.x[0]) }, [2]uint64{0xe4a52f5da5b288bb, 0xe4a52f5da5b288bb}},
	{"flow", 0, func(s isa, o *operands) {
		for i := range 16 { // of 16 places in a row, one starts a cache line
			room := make([]float32, o.n+32)
			s.streamCopy(room[i:][:o.n], o.x[0])
			o.out = append(o.out, room...)
		}
	}, [2]uint64{0x4565f16b6f28e45b, 0x4565f16b6f28e45b}},
	{"narrow", 0, func(s isa, o *operands) { s.narrow(o.bits, o.x[0]) }, [2]uint64{0xc7340563b8dc6647, 0xc7340563b8dc6647}},
	{"round", 0, func(s isa, o *operands) {
		s.round(o.x[0])
		for i, v := range o.x[0] { // a NaN keeps its bits
			o.bits[i] = uint16(math.Float32bits(v) >> 16)
		}
	}, [2]uint64{0x6f221d30be19d551, 0x6f221d30be19d551}},
	{"pairs", 0, func(s isa, o *operands) {
		s.pair(o.x[0], o.half, o.half)
		s.swap(o.x[1], o.x[2])
		k := o.n / panelCols
		o.out = make([]float32, 2*k*panelCols)
		if k > 0 {
			s.unpair(o.out, panelCols, o.x[3], 2*k)
			s.unpair(o.x[4], panelCols, o.x[5], 2*(k/2)+k%2)
		}
	}, [2]uint64{0xc09862ce3c604554, 0xc09862ce3c604554}},
	{"pair", 0, func(s isa, o *operands) {
		lower := slices.Clone(o.half)
		slices.Reverse(lower)
		s.pair(o.x[0], o.half, lower)
	}, [2]uint64{0xe1a5954c5c4c5c2a, 0xe1a5954c5c4c5c2a}},
	{"load", 0, func(s isa, o *operands) {
		cols := o.n / 3
		o.out = make([]float32, 3*(cols+2))
		m := mat{f: o.x[0], rows: 3, cols: cols, stride: cols}
		s.load(o.out, cols+2, &m, 0, 3, 0, cols)
		m = mat{h: o.half, half: true, rows: 3, cols: cols, stride: cols}
		s.load(o.x[1], max(cols-1, 0), &m, 0, 3, 1, cols-1)
	}, [2]uint64{0xaf6d7523b5011a0e, 0xaf6d7523b5011a0e}},
	{"transpose", 0, func(s isa, o *operands) {
		cols := o.n / 16
		o.out = make([]float32, cols*19+16)
		s.transpose(o.out, 19, o.x[0], cols, cols)
		s.transpose(o.x[1][o.n-16*cols:], 16, o.x[2][o.n-16*cols:], cols, cols)
	}, [2]uint64{0x16f7a9724360a268, 0x16f7a9724360a268}},
}

// lengths returns 0 to 70 elements and some of several rounds.
func lengths() []int {
	var l []int
	for n := range 71 {
		l = append(l, n)
	}
	return append(l, 127, 128, 129, 200, 253, 333)
}

// on runs f with denormals flushed to zero or not.
func on(flush bool, f func()) {
	if flush {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		was := floatControl()
		setFloatControl(was | flushed)
		defer setFloatControl(was)
	}
	f()
}

// assembly returns the instruction sets of this machine that have some.
func assembly() (l []isa) {
	for s := generic + 1; int(s) < len(isaNames); s++ {
		if s.present() {
			l = append(l, s)
		}
	}
	return l
}

// TestGolden checks that every instruction set reproduces, to the bit, what the first assembly
// gave.
func TestGolden(t *testing.T) {
	if bestISA() == generic {
		t.Skip("no assembly in this build or for this processor")
	}
	for _, s := range assembly() {
		t.Run(s.String(), func(t *testing.T) {
			for _, p := range primitives {
				for i, flush := range []bool{false, true} {
					h := fnv.New64a()
					for _, n := range lengths() {
						for way := range 5 {
							rng := rand.New(rand.NewPCG(uint64(n), uint64(way)))
							o := draw(rng, n, way, heap)
							on(flush, func() { p.run(s, o) })
							for _, b := range o.results() {
								h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
							}
						}
					}
					if got := h.Sum64(); got != p.want[i] {
						t.Errorf("%s, flush %v: %#x, want %#x", p.name, flush, got, p.want[i])
					}
				}
			}
		})
	}
}

// TestPrimitives compares assembly with plain Go, bit for bit but for the exponential's rare
// double roundings, over lengths around the vector width.
func TestPrimitives(t *testing.T) {
	if bestISA() == generic {
		t.Skip("no assembly in this build or for this processor")
	}
	for _, s := range assembly() {
		for _, p := range primitives {
			for _, n := range lengths() {
				for way := range 4 { // not the last: a row of exponentials from 0 to +Inf cancels
					var out [2]*operands
					for i, by := range []isa{generic, s} {
						rng := rand.New(rand.NewPCG(uint64(n), uint64(way)))
						out[i] = draw(rng, n, way, heap)
						p.run(by, out[i])
					}
					want, got := out[0].floats(), out[1].floats()
					for i := range want {
						if !near(got[i], want[i], p.ulps) {
							t.Fatalf("%s of %d elements, %v: output %d is %g (%08x), plain Go gives %g (%08x)",
								p.name, n, s, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
						}
					}
				}
			}
		}
	}
}

// TestPeak checks that every instruction set but plain Go has a measure of its speed.
func TestPeak(t *testing.T) {
	for _, s := range append(assembly(), generic) {
		if got := s.peak(3); got != (s != generic) {
			t.Errorf("%v: peak says %v", s, got)
		}
	}
}
