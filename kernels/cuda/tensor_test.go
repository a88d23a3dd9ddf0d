//go:build cuda && cgo && linux

package cuda

import (
	"math"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"unsafe"

	"spell/kernels/cuda/cudatest"
	"spell/tensor"
)

// TestTensorCore compares what the emulated tensor cores compute with the published descriptions of the
// real ones, in rational numbers: n products and the addend are aligned to the largest exponent, cut to
// some fraction bits, added exactly, and the sum is cut to f32.
func TestTensorCore(t *testing.T) {
	for _, c := range []struct {
		setting string
		n, bits int
	}{{"tensor=90", 16, 25}, {"tensor=80", 8, 24}} {
		cudatest.Use(t, cudatest.Device{Settings: c.setting, Kernels: []string{filepath.Join("testdata", "tensor.cu")}})
		err := faultOf(t, func(b *Backend) {
			r := rand.New(rand.NewPCG(1, 2))
			for round := range 40 {
				var p tensorProblem
				p.draw(r, round%4)
				got := p.run(b)
				for i := range 16 {
					for j := range 8 {
						want := p.c[i][j]
						for k := 0; k < 16; k += c.n {
							want = step(p.a[i][k:k+c.n], p.b[j][k:k+c.n], want, c.bits)
						}
						if got[i][j] != want {
							t.Fatalf("%s, round %d: [%d, %d] is %x, not %x", c.setting, round, i, j, got[i][j], want)
						}
					}
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A tensorProblem is the operands of one product, as bits.
type tensorProblem struct {
	a [16][16]uint16
	b [8][16]uint16
	c [16][8]uint32
}

// draw fills p with numbers of like size, of very unlike sizes, zeros among others, or subnormal ones.
func (p *tensorProblem) draw(r *rand.Rand, kind int) {
	half := func() uint16 {
		exponent := [][2]int{{110, 140}, {60, 100}, {120, 130}, {0, 90}}[kind]
		if kind == 2 && r.IntN(2) == 0 {
			return uint16(r.IntN(2)) << 15
		}
		return uint16(r.IntN(2))<<15 | uint16(exponent[0]+r.IntN(exponent[1]-exponent[0]))<<7 | uint16(r.IntN(128))
	}
	for i := range p.a {
		for k := range p.a[i] {
			p.a[i][k] = half()
		}
		for j := range p.c[i] {
			low, high := 100, 140
			if kind == 3 {
				low, high = 0, 40
			}
			p.c[i][j] = uint32(r.IntN(2))<<31 | uint32(low+r.IntN(high-low))<<23 | r.Uint32N(1<<23)
		}
	}
	for j := range p.b {
		for k := range p.b[j] {
			p.b[j][k] = half()
		}
	}
}

// run computes p on the device.
func (p *tensorProblem) run(b *Backend) (d [16][8]uint32) {
	arena, err := b.Alloc("tensor", 4096)
	b.must(err)
	defer arena.Free()
	var at []uint64
	for _, raw := range [][]byte{bytesOf(&p.a), bytesOf(&p.b), bytesOf(&p.c), bytesOf(&d)} {
		m := arena.New(tensor.F32, 1, len(raw)/4)
		b.Write(m, raw)
		at = append(at, address(m))
	}
	k := &kernel[[4]uint64]{&entry{"copy.cu", "tensor_product", 32, 0, 32}}
	launch(b, k, 1, [4]uint64(at))
	b.fetch(bytesOf(&d), at[3])
	return d
}

func bytesOf[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

// step adds products to c with that many fraction bits.
func step(a, b []uint16, c uint32, bits int) uint32 {
	type term struct {
		value    *big.Rat // between -4 and 4
		exponent int
	}
	var terms []term
	add := func(significand int64, fraction, exponent int) {
		terms = append(terms, term{new(big.Rat).SetFrac64(significand, 1<<fraction), exponent})
	}
	for k := range a {
		x, ex := parts(uint32(a[k])<<16, 16)
		y, ey := parts(uint32(b[k])<<16, 16)
		add(x*y, 14, ex+ey)
	}
	v, e := parts(c, 0)
	add(v, 23, e)
	top := math.MinInt
	for _, t := range terms {
		top = max(top, t.exponent)
	}
	sum := new(big.Int)
	for _, t := range terms {
		scaled := new(big.Rat).Mul(t.value, power(t.exponent-top+bits))
		sum.Add(sum, new(big.Int).Quo(scaled.Num(), scaled.Denom())) // toward zero
	}
	if sum.Sign() == 0 {
		return 0
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt(sum), power(top-bits))
	f, _ := new(big.Float).SetPrec(24).SetMode(big.ToZero).SetRat(exact).Float32()
	if math.Abs(float64(f)) < 0x1p-126 { // f32 has fewer bits there
		units := new(big.Rat).Mul(exact, power(149))
		n := new(big.Int).Quo(units.Num(), units.Denom())
		f = float32(math.Ldexp(float64(n.Int64()), -149))
		if n.Sign() == 0 && exact.Sign() < 0 {
			f = float32(math.Copysign(0, -1))
		}
	}
	return math.Float32bits(f)
}

// parts returns the signed significand of an f32 without the low bits, and the exponent of its first
// place; that of 0 is the least.
func parts(bits uint32, without int) (int64, int) {
	e, m := int(bits>>23&255), int64(bits&(1<<23-1))
	if e > 0 {
		m |= 1 << 23
	}
	m >>= without
	if bits>>31 != 0 {
		m = -m
	}
	if m == 0 {
		return 0, -126
	}
	return m, max(e, 1) - 127
}

// power returns 2ⁿ.
func power(n int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(n, -n))))
	if n < 0 {
		p.Inv(p)
	}
	return p
}
