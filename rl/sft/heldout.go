package sft

import (
	"math"
	"math/bits"

	"spell/tensor/rng"
)

// order returns the numbers of [0, n) in a random order whose first k are what r.Choose(n, k) would
// return, for every k.
//
// With the same draws Choose takes a number for all k that exceed its place among those still free:
// the draw. A Fenwick tree of the free places finds it.
func order(r *rng.Rand, n int) []int {
	free := make([]int, n+1)
	for i := range free {
		free[i] = i & -i
	}
	places := make([]int, n)
	for i := range n {
		draw, at := r.Intn(n-i), 0
		for step := 1 << bits.Len(uint(n)); step > 0; step /= 2 {
			if next := at + step; next > n {
				continue
			} else if free[next] <= draw {
				at, draw = next, draw-free[next]
			} else {
				free[next]--
			}
		}
		places[at] = i
	}
	return places
}

// holdOut chooses groups of lines, whose numbers of lines are given, in a random order up to the
// share of all lines. A group that would exceed the share is passed over; the smallest of those is
// held out after all if that is nearer to the share. A share above 0 that comes to less than a
// group holds one out as long as most lines are left. At least half of the lines always are.
func holdOut(seed uint64, share float64, lines []int) []bool {
	held := make([]bool, len(lines))
	if share == 0 {
		return held
	}
	all := 0
	for _, n := range lines {
		all += n
	}
	want := min(int(math.Round(share*float64(all))), all/2)
	took, next := 0, -1 // the next one is the smallest that is not held out
	for _, g := range order(rng.At(seed, rng.HeldOut, 0, 0, 0), len(lines)) {
		if took+lines[g] <= want {
			held[g], took = true, took+lines[g]
		} else if next < 0 || lines[g] < lines[next] {
			next = g
		}
	}
	if next < 0 {
		return held
	}
	nearer := lines[next] < 2*(want-took) && 2*(took+lines[next]) <= all
	if nearer || took == 0 && 2*lines[next] < all {
		held[next] = true
	}
	return held
}
