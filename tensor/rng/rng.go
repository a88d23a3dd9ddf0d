// Package rng is the counter-based randomness of the program: a number is a pure function of its
// key (seed, stream, a, b, c) and of its place in that key's sequence. Nothing is carried from one
// draw to the next, so a resumed run, or one that does its work in another order, sees the same
// numbers.
//
// The generator is Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// 2011).
package rng

import (
	"math"
	"math/bits"
)

// Stream separates the uses of one seed. Two uses never share a stream.
type Stream uint64

// The streams, by what is drawn from them; in brackets, the key that the present uses give. The values
// are written into no file, but a run is repeatable only while they stay. A recipe draws from the
// stream of its purpose; a purpose that none has gets a new one, at the end.
const (
	Shuffle   Stream = iota + 1 // order of groups, anew each time through: (kind, epoch)
	Batch                       // order of items within one draw: (draw)
	Split                       // groups divided among kinds of items
	Documents                   // what of its data an item shows: (step, round, item)
	Letter                      // which choice is to be right: (step, round, item)
	Negatives                   // failed items that enter an update: (step)
	Verifiers                   // groups of judgements that enter an update: (step)
	World                       // generated documents and questions: (use, index)
	Init                        // fresh weights: (parameter)
	Sample                      // sampled tokens: (group, child, position)
	Drill                       // sequences of a drill: (stage, step)
	Gaps                        // positions left open in a sequence: (example)
	Windows                     // places in texts: (stage, step)
	Lines                       // order of examples: (epoch)
	HeldOut                     // examples that are only measured on
	Rounding                    // roundings of moments: (update, parameter)
	Noise                       // the words that roundings take from
	Adapters                    // fresh adapters: (parameter)
	Bootstrap                   // questions drawn again for an interval: (sample, group)
	Benchmark                   // generated questions of a benchmark, and those that are asked: (use, index)
	Ahead                       // what items show that are played before the first step: (use, item)
	Reading                     // passages of documents and questions about them: (use, index)
)

const (
	mul0, mul1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157
	weyl0      = 0x9E3779B97F4A7C15
	weyl1      = 0xBB67AE8584CAA73B
	rounds     = 10
)

// philox encrypts the counter under the key.
func philox(key [2]uint64, ctr [4]uint64) [4]uint64 {
	for range rounds {
		hi0, lo0 := bits.Mul64(mul0, ctr[0])
		hi1, lo1 := bits.Mul64(mul1, ctr[2])
		ctr = [4]uint64{hi1 ^ ctr[1] ^ key[0], lo1, hi0 ^ ctr[3] ^ key[1], lo0}
		key[0] += weyl0
		key[1] += weyl1
	}
	return ctr
}

// Uint64 returns the first number of the sequence at a key.
func Uint64(seed uint64, stream Stream, a, b, c uint64) uint64 {
	return philox([2]uint64{seed, uint64(stream)}, [4]uint64{a, b, c, 0})[0]
}

// Rand reads the sequence at one key. Make one with At; it is not safe for concurrent use.
type Rand struct {
	key     [2]uint64
	a, b, c uint64
	n       uint64    // numbers read so far
	block   [4]uint64 // numbers 4⌊n/4⌋ … 4⌊n/4⌋+3 of the sequence
}

// At returns a reader at the start of the sequence at a key.
func At(seed uint64, stream Stream, a, b, c uint64) *Rand {
	return &Rand{key: [2]uint64{seed, uint64(stream)}, a: a, b: b, c: c}
}

// Uint64 returns the next number.
func (r *Rand) Uint64() uint64 {
	i := r.n % 4
	if i == 0 {
		r.block = philox(r.key, [4]uint64{r.a, r.b, r.c, r.n / 4})
	}
	r.n++
	return r.block[i]
}

// Float64 returns the next number as a multiple of 2⁻⁵³ in [0, 1).
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) * (1.0 / (1 << 53)) }

// Intn returns a number in [0, n), each equally likely (Lemire's method). n must be positive.
func (r *Rand) Intn(n int) int {
	if n <= 0 {
		panic("rng: Intn needs a positive bound")
	}
	bound := uint64(n)
	hi, lo := bits.Mul64(r.Uint64(), bound)
	if lo < bound {
		for threshold := -bound % bound; lo < threshold; {
			hi, lo = bits.Mul64(r.Uint64(), bound)
		}
	}
	return int(hi)
}

// Perm returns a random order of 0 … n−1.
func (r *Rand) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	r.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// Shuffle puts n elements in random order through swap (Fisher–Yates).
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.Intn(i+1))
	}
}

// Choose returns k distinct numbers of [0, n) in ascending order; all of them if k ≥ n.
func (r *Rand) Choose(n, k int) []int {
	chosen := make([]int, 0, max(0, min(n, k)))
	// Selection sampling: each number is taken with probability (still wanted)/(still to come).
	for i := 0; i < n && len(chosen) < k; i++ {
		if k >= n || r.Intn(n-i) < k-len(chosen) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// Normal returns a standard normal number (Box and Muller 1958). It takes two draws.
func (r *Rand) Normal() float64 {
	u, v := r.Float64(), r.Float64()
	return math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v)
}
