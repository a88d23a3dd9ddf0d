package sft

import (
	"slices"
	"testing"

	"spell/tensor/rng"
)

// TestOrder: the first k of the order are the choice of k.
func TestOrder(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 8, 64, 101} {
		for seed := range uint64(5) {
			all := order(rng.At(seed, rng.HeldOut, 0, 0, 0), n)
			for k := 0; k <= n; k++ {
				first := slices.Sorted(slices.Values(all[:k]))
				if want := rng.At(seed, rng.HeldOut, 0, 0, 0).Choose(n, k); !slices.Equal(first, want) {
					t.Errorf("the first %d of %d are %v, want %v", k, n, first, want)
				}
			}
		}
	}
}

// TestHoldOutShares: the held-out lines are as near to their share as whole groups allow, groups of
// one line are chosen as rng.Choose does, something is held out if there are lines enough, and at
// least half of them are left.
func TestHoldOutShares(t *testing.T) {
	ones := slices.Repeat([]int{1}, 200)
	for _, tt := range []struct {
		name  string
		lines []int
		share float64
		low   int // lines that are held out, at least
		high  int
	}{
		{"ones", ones, 0.05, 10, 10},
		{"ones, a half", ones[:4], 0.5, 2, 2},
		{"ones, a half of an odd number", ones[:5], 0.5, 2, 2},
		{"ones, nearly none", ones, 1e-9, 1, 1},
		{"none asked for", ones, 0, 0, 0},
		{"a single line", ones[:1], 0.05, 0, 0},
		{"a single line, a half", ones[:1], 0.5, 0, 0},
		{"two lines", ones[:2], 0.05, 0, 0},
		{"two lines, a quarter", ones[:2], 0.25, 1, 1},
		{"two lines, a half", ones[:2], 0.5, 1, 1},
		{"three lines", ones[:3], 0.05, 1, 1},
		{"one group", []int{7}, 0.1, 0, 0},
		{"two equal groups", []int{3, 3}, 0.05, 0, 0},
		{"two equal groups, a half", []int{3, 3}, 0.5, 3, 3},
		{"two equal groups, nearly a half", []int{5, 5}, 0.4, 5, 5},
		{"pairs", slices.Repeat([]int{2}, 100), 0.05, 10, 10},
		{"pairs, an odd share", slices.Repeat([]int{2}, 100), 0.055, 10, 10},
		{"a group of half the lines", append(slices.Clone(ones), 200), 0.05, 20, 20},
		{"a group of all lines but one", []int{99, 1}, 0.05, 1, 1},
		{"threes, nearer above", slices.Repeat([]int{3}, 100), 0.0167, 6, 6},
		{"threes, nearer below", slices.Repeat([]int{3}, 100), 0.0133, 3, 3},
		{"groups that are all too large", []int{50, 40, 30}, 0.01, 30, 30},
		{"groups of many sizes", slices.Concat(ones, slices.Repeat([]int{3, 7, 40}, 9)), 0.1, 65, 65},
		{"a small and a large one", []int{3, 1}, 0.5, 1, 1},
	} {
		all := 0
		for _, n := range tt.lines {
			all += n
		}
		for seed := range uint64(20) {
			took := 0
			var chosen []int
			for g, h := range holdOut(seed, tt.share, tt.lines) {
				if h {
					took, chosen = took+tt.lines[g], append(chosen, g)
				}
			}
			if took < tt.low || took > tt.high || 2*took > all {
				t.Errorf("%s: %d of %d lines are held out, want %d to %d", tt.name, took, all, tt.low, tt.high)
			}
			if all == len(tt.lines) {
				if want := rng.At(seed, rng.HeldOut, 0, 0, 0).Choose(all, took); !slices.Equal(chosen, want) {
					t.Errorf("%s: %v is chosen, want %v", tt.name, chosen, want)
				}
			}
		}
	}
}
