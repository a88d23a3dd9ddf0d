package cpu

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"spell/tensor"
)

// A productCase is one call of the matrix primitive, or of the one with panels of pairs.
type productCase struct {
	m, n, k           int
	cols              bool // columns of A side by side, not steps
	resume, add, bias bool
	half              bool
}

func productCases() (list []productCase) {
	for i, m := range []int{1, 2, 3, 5, 6, 7, 8, 12, 13, 16, 25} {
		for j, n := range []int{32, 1, 7, 15, 16, 17, 31} {
			for l, k := range []int{0, 1, 3, 4, 7, 64, 65, 130} {
				c := productCase{m: m, n: n, k: k, cols: (i+j+l)%2 == 0, resume: l%2 == 1, add: (i+l)%3 == 0,
					bias: j%2 == 0}
				list = append(list, c)
				if k > 0 {
					c.half = true
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// run returns C afterwards, rows further apart than they are long.
func (p productCase) run(s isa) []float32 {
	rng := rand.New(rand.NewPCG(uint64(p.m*1000+p.n), uint64(p.k)))
	numbers := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	t := tile{n: p.n, k: p.k, ldc: p.n + 3, rs: p.k + 1, ks: 1, ldb: p.n + 2, resume: p.resume, add: p.add}
	a := numbers(p.m*(p.k+1) + 1)
	if p.cols {
		t.rs, t.ks = 1, p.m
	}
	c := numbers(p.m*t.ldc - 3)
	var bias []float32
	if p.bias {
		bias = numbers(p.n)
	}
	if !p.half {
		s.product(&t, c, a, numbers(max(p.k*t.ldb-2, panelCols)), bias, p.m)
		return c
	}
	b := mat{h: make([]uint16, p.k*panelCols), half: true, rows: p.k, cols: panelCols, stride: panelCols}
	for i := range b.h {
		b.h[i] = tensor.BF16Bits(float32(rng.NormFloat64()))
	}
	panel := make([]float32, (p.k+1)/2*panelCols)
	s.loadPairs(panel, panelCols, &b, 0, p.k, 0, panelCols)
	if !s.readsPairs(p.m, p.k) {
		wide := make([]float32, len(b.h))
		s.unpair(wide, panelCols, panel, p.k)
		t.ldb = panelCols
		s.product(&t, c, a, wide, bias, p.m)
		return c
	}
	s.productPairs(&t, c, a, panel, bias, p.m)
	return c
}

// TestDots checks that products of pairs with pairs, if the processor has them, give the bits of
// f32.
func TestDots(t *testing.T) {
	s := bestISA()
	if s.dotLayout() != pairs {
		t.Skip("this processor has no VDPBF16PS")
	}
	for _, p := range productCases() {
		if !p.half {
			continue
		}
		rng := rand.New(rand.NewPCG(uint64(p.m*1000+p.n), uint64(p.k)))
		matrix := func(rows, cols int) mat {
			m := mat{h: make([]uint16, rows*cols), half: true, rows: rows, cols: cols, stride: cols}
			for i := range m.h {
				m.h[i] = tensor.BF16Bits(float32(rng.NormFloat64()) * [...]float32{1, 1e-3, 1e-20, 1e-40}[rng.IntN(4)])
			}
			return m
		}
		b, a := matrix(p.k, panelCols), matrix(p.m, p.k)
		c, words := make([]float32, p.m*p.n), (p.k+1)/2
		for i := range c {
			c[i] = float32(rng.NormFloat64())
		}
		bias := c[:p.n:p.n]
		got, wide := append(c[:0:0], c...), [2][]float32{make([]float32, p.m*p.k), make([]float32, p.k*panelCols)}
		s.load(wide[0], p.k, &a, 0, p.m, 0, p.k)
		s.load(wide[1], panelCols, &b, 0, p.k, 0, panelCols)
		u := tile{n: p.n, k: p.k, ldc: p.n, rs: p.k, ks: 1, ldb: panelCols, resume: p.resume, add: p.add}
		bias = append([]float32(nil), bias...)
		on(true, func() { s.product(&u, c, wide[0], wide[1], bias, p.m) })
		pairsA, pairsB := make([]float32, p.m*words), make([]float32, words*panelCols)
		s.loadSwapped(pairsA, words, &a, 0, p.m, 0, p.k)
		s.loadPairs(pairsB, panelCols, &b, 0, p.k, 0, panelCols)
		u.k, u.rs = words, words
		if p.cols { // A as a transpose gives it
			columns, turned := matrix(p.k, p.m), make([]float32, words*p.m)
			for i := range p.m {
				for l := range p.k {
					columns.h[l*p.m+i] = a.h[i*p.k+l]
				}
			}
			s.loadPairs(turned, p.m, &columns, 0, p.k, 0, p.m)
			pairsA, u.rs, u.ks = turned, 1, p.m
		}
		s.productDots(&u, got, pairsA, pairsB, bias, p.m)
		if !slices.Equal(got, c) {
			t.Fatalf("%+v: not the bits of f32", p)
		}
	}
}

// TestTiles checks that assembly is near plain Go, does not touch what lies between the rows of C,
// and gives the same bits on every instruction set.
func TestTiles(t *testing.T) {
	if bestISA() == generic {
		t.Skip("no assembly in this build or for this processor")
	}
	const want = 0x268ee1b7e75ea1bd
	for _, s := range assembly() {
		h := fnv.New64a()
		for _, p := range productCases() {
			got, plain := p.run(s), p.run(generic)
			for i := range got {
				b := math.Float32bits(got[i])
				h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
				if beside := i%(p.n+3) >= p.n; beside && got[i] != plain[i] ||
					math.Abs(float64(got[i]-plain[i])) > 1e-4*math.Sqrt(float64(p.k+1)) {
					t.Fatalf("%v %+v: element %d is %g, plain Go gives %g", s, p, i, got[i], plain[i])
				}
			}
		}
		if got := h.Sum64(); got != want {
			t.Errorf("%v: the bits hash to %#x, not %#x", s, got, uint64(want))
		}
	}
}
