package cpu

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"spell/tensor"
)

// A productCase is one call of the matrix primitive, or of the one with bf16 panels.
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
				c := productCase{m: m, n: n, k: k, cols: (i+j+l)%2 == 0, resume: l%2 == 1, add: (i+l)%3 == 0, bias: j%2 == 0}
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

// run is the bits of C afterwards, rows further apart than they are long.
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
	panel := make([]uint16, p.k*panelCols)
	for i := range panel {
		panel[i] = tensor.BF16Bits(float32(rng.NormFloat64()))
	}
	if s == generic { // has no such primitive
		wide := make([]float32, len(panel))
		widenGeneric(wide, panel)
		t.ldb = panelCols
		s.product(&t, c, a, wide, bias, p.m)
		return c
	}
	s.productHalf(&t, c, a, panel, bias, p.m)
	return c
}

// TestTiles: assembly is near plain Go, does not touch what lies between the rows of C, and gives
// the same bits on every instruction set.
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
				if beside := i%(p.n+3) >= p.n; beside && got[i] != plain[i] || math.Abs(float64(got[i]-plain[i])) > 1e-4*math.Sqrt(float64(p.k+1)) {
					t.Fatalf("%v %+v: element %d is %g, plain Go gives %g", s, p, i, got[i], plain[i])
				}
			}
		}
		if got := h.Sum64(); got != want {
			t.Errorf("%v: the bits hash to %#x, not %#x", s, got, uint64(want))
		}
	}
}
