package kernels

import (
	"math"
	"slices"
	"testing"

	"spell/tensor"
)

// TestMomentBase: whatever the largest magnitude of a run, it has a code however it is rounded, and
// one near the end of the scale.
func TestMomentBase(t *testing.T) {
	for exp := -109; exp < 128; exp++ {
		for _, x := range []float32{1, 1 + 0x1p-23, 1.5, 1.77, 1.7777777, 1.7777779, 1.78, 1.9999999} {
			top := float32(math.Ldexp(float64(x), exp))
			for typ, last := range map[tensor.DType]uint32{tensor.M8: 127, tensor.V8: 255} {
				b := MomentBase(typ, top)
				if exp == 127 && x*1.125 >= 2 { // as good as infinite
					if !math.IsNaN(float64(b)) {
						t.Errorf("%v: base %g of %g", typ, b, top)
					}
					continue
				}
				if b == 0 && float64(top) < MomentLeast*float64(uint64(2)<<(last/8)) {
					continue
				}
				y := top
				if typ == tensor.M8 {
					y += b
				}
				low := (math.Float32bits(y) - math.Float32bits(b)) >> 20
				high := (math.Float32bits(y) + 1<<20 - 1 - math.Float32bits(b)) >> 20
				if !(b >= MomentLeast) || high > last || low < last-16 {
					t.Errorf("%v: with base %g, %g is code %d to %d", typ, b, top, low, high)
				}
			}
		}
	}
	for _, typ := range []tensor.DType{tensor.M8, tensor.V8} {
		for _, top := range []float32{0, 1e-45, 0x1p-110} {
			if b := MomentBase(typ, top); b != 0 {
				t.Errorf("%v: base %g of %g", typ, b, top)
			}
		}
		for _, top := range []float64{math.NaN(), math.Inf(1), math.MaxFloat32} {
			if b := MomentBase(typ, float32(top)); b == b {
				t.Errorf("%v: base %g of %g", typ, b, top)
			}
		}
	}
}

// TestNoise: every seed, row and run has words of its own, and over many of them each word is even.
func TestNoise(t *testing.T) {
	const seeds = 4096
	var counts [16]int // of the upper four bits of one column's 16
	last := make([]uint32, tensor.MomentRun)
	for seed := range uint64(seeds) {
		for i, at := range [][2]int{{0, 0}, {1, 0}, {0, 1}} {
			words, flip := Noise(seed, at[0], at[1])
			if len(words) != tensor.MomentRun {
				t.Fatalf("%d words", len(words))
			}
			now := make([]uint32, len(words))
			for k, w := range words {
				now[k] = w ^ flip
			}
			if slices.Equal(now, last) {
				t.Fatalf("seed %d, row and run %v: the words of those before", seed, at)
			}
			last = now
			if i == 0 {
				counts[now[700]>>12&15]++
			}
		}
	}
	for k, n := range counts {
		if want := seeds / len(counts); n < want*3/4 || n > want*5/4 {
			t.Errorf("%d of %d words have the bits %d, not about %d", n, seeds, k, want)
		}
	}
}
