package sft

import (
	"slices"
	"strings"
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
// one line are chosen as rng.Choose does, and something is held out and something left.
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
		{"ones, a half", ones[:5], 0.5, 3, 3},
		{"ones, nearly none", ones, 1e-9, 1, 1},
		{"pairs", slices.Repeat([]int{2}, 100), 0.05, 10, 10},
		{"pairs, an odd share", slices.Repeat([]int{2}, 100), 0.055, 10, 10},
		{"a group of half the lines", append(slices.Clone(ones), 200), 0.05, 20, 20},
		{"a group of all lines but one", []int{99, 1}, 0.05, 1, 1},
		{"threes, nearer above", slices.Repeat([]int{3}, 100), 0.0167, 6, 6},
		{"threes, nearer below", slices.Repeat([]int{3}, 100), 0.0133, 3, 3},
		{"groups that are all too large", []int{50, 40, 30}, 0.01, 30, 30},
		{"groups of many sizes", slices.Concat(ones, slices.Repeat([]int{3, 7, 40}, 9)), 0.1, 65, 65},
		{"all but the least", []int{3, 1}, 0.74, 1, 3},
	} {
		all := 0
		for _, n := range tt.lines {
			all += n
		}
		for seed := range uint64(20) {
			held, err := holdOut(seed, tt.share, tt.lines)
			if err != nil {
				t.Fatal(tt.name, err)
			}
			took := 0
			var chosen []int
			for g, h := range held {
				if h {
					took, chosen = took+tt.lines[g], append(chosen, g)
				}
			}
			if took < tt.low || took > tt.high {
				t.Errorf("%s: %d of %d lines are held out, want %d to %d", tt.name, took, all, tt.low, tt.high)
			}
			if all == len(tt.lines) {
				if want := rng.At(seed, rng.HeldOut, 0, 0, 0).Choose(all, took); !slices.Equal(chosen, want) {
					t.Errorf("%s: %v is chosen, want %v", tt.name, chosen, want)
				}
			}
		}
	}
	for _, tt := range []struct {
		lines []int
		share float64
	}{{[]int{7}, 0.1}, {[]int{1, 1}, 0.9}, {ones, 1}} {
		if held, err := holdOut(1, tt.share, tt.lines); err == nil || !strings.Contains(err.Error(), "--held-out 0") {
			t.Errorf("%v of %v gives %v, %v", tt.share, tt.lines, held, err)
		}
	}
	if held, err := holdOut(1, 0, []int{1}); err != nil || held[0] {
		t.Errorf("a share of 0 gives %v, %v", held, err)
	}
}

// TestHoldOutErrors: lines of which none would be left are refused with words that fit their number.
func TestHoldOutErrors(t *testing.T) {
	for say, tt := range map[string]struct {
		lines []int
		share float64
	}{
		"a single line leaves nothing":                   {[]int{1}, 0.05},
		"3 lines with the same prompt leave nothing":     {[]int{3}, 0.05},
		"4 lines with 2 different prompts leave nothing": {[]int{3, 1}, 1},
	} {
		if _, err := holdOut(1, tt.share, tt.lines); err == nil || !strings.HasPrefix(err.Error(), say) ||
			!strings.HasSuffix(err.Error(), "or --held-out 0") {
			t.Errorf("%v: error %v, want %q", tt.lines, err, say)
		}
	}
}
