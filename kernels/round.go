package kernels

import (
	"math"
	"sync"

	"spell/tensor"
	"spell/tensor/rng"
)

// AdamW rounds moments of fewer bits than F32 at random, to one of the two values beside them, with
// the probabilities that make the mean right: an average that moves by a thousandth of itself a
// step would stay where it is for good if it were rounded to the nearest of values that lie a
// hundredth apart.
//
// An element of BF16 is the bits of its f32 value plus 16 bits of noise, without the low 16. One of
// V8 is a code c with c<<20 = max(v, b) + noise - b, cut off below, on the bits of f32s, with b the
// base of its run and 20 bits of noise; one of M8 the same with |m| + b, rounded to f32, for max(v,
// b). The noise of column j of a run, counted from its start, is the low bits of words[j]^flip of
// Noise for BF16. With n columns, w = ⌈n/4⌉ and x = words[j%w]^flip it is, for j/w from 0 to 3, the
// low 20 bits of x, its high 20 bits, and the complements of both.

// SeedAt returns the seed whose first row has the noise of a row of seed.
func SeedAt(seed uint64, row int) uint64 { return seed + uint64(row)*0x9e3779b97f4a7c15 }

// Noise returns the random numbers with which AdamW rounds run r of tensor.MomentRun columns of a
// row of m; v is rounded with those of the next seed. They follow from the arguments alone.
func Noise(seed uint64, row, run int) (words []uint32, flip uint32) {
	h := SeedAt(seed, row) + uint64(run)*0xbf58476d1ce4e5b9 // and then as in SplitMix64
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	return NoiseWords()[h%tensor.MomentRun:][:tensor.MomentRun], uint32(h >> 32)
}

// NoiseWords returns the 2*MomentRun words that every Noise is cut from. They are not to be changed.
var NoiseWords = sync.OnceValue(func() []uint32 {
	words, r := make([]uint32, 2*tensor.MomentRun), rng.At(0, rng.Noise, 0, 0, 0)
	for i := range words {
		words[i] = uint32(r.Uint64())
	}
	return words
})

// MomentBase returns the base of a run of an M8 or V8 matrix whose largest magnitude is top, such
// that top has a code even if rounded up. It is 0 if it would be less than MomentLeast, and NaN if
// top is not finite or too close to the end of f32's range.
func MomentBase(t tensor.DType, top float32) float32 {
	steps := uint32(15) // powers of two between base and top
	if t == tensor.V8 {
		steps = 31
	}
	power := math.Float32bits(float32(top*1.125)) &^ (1<<23 - 1)
	switch {
	case !(top*1.125 <= math.MaxFloat32):
		return float32(math.NaN())
	case power < math.Float32bits(MomentLeast)+steps<<23:
		return 0
	}
	return math.Float32frombits(power - steps<<23)
}

// MomentLeast is the smallest base of a run that is not 0.
const MomentLeast = 0x1p-112
