package eval

import (
	"fmt"
	"math"
	"testing"

	"spell/tensor/rng"
)

// bruteForce counts the choices of k of n answers, the first c of which are right, that hold a right
// one.
func bruteForce(n, c, k int) float64 {
	hold, all := 0, 0
	for set := range 1 << n {
		chosen, right := 0, 0
		for i := range n {
			if set>>i&1 == 1 {
				chosen++
				if i < c {
					right++
				}
			}
		}
		if chosen == k {
			all++
			if right > 0 {
				hold++
			}
		}
	}
	return float64(hold) / float64(all)
}

func TestPassAtK(t *testing.T) {
	for n := 1; n <= 10; n++ {
		for c := 0; c <= n; c++ {
			for k := 1; k <= n; k++ {
				if got, want := PassAtK(n, c, k), bruteForce(n, c, k); math.Abs(got-want) > 1e-12 {
					t.Errorf("pass@%d of %d answers, %d right, is %v, want %v", k, n, c, got, want)
				}
			}
		}
	}
	// Drawing with repetition gives 0.656 where one of eight answers is right.
	if got := PassAtK(8, 1, 8); got != 1 {
		t.Errorf("pass@8 with one right of 8 is %v", got)
	}
	if got := PassAtK(1<<16, 1, 1<<15); math.Abs(got-0.5) > 1e-9 {
		t.Errorf("one of 65536 is among half of them with probability %v", got)
	}
}

// TestInterval: an interval holds the mean about 95 times of 100, shrinks as questions come, and is
// the same again.
func TestInterval(t *testing.T) {
	const trials, questions, p = 200, 60, 0.3
	b := Bootstrap{Seed: 3, Samples: 400}
	held := 0
	for trial := range uint64(trials) {
		r := rng.At(9, rng.World, trial, 0, 0)
		values := make([]float64, questions)
		for i := range values {
			if r.Float64() < p {
				values[i] = 1
			}
		}
		got := b.MeanInterval(values)
		if got != b.MeanInterval(values) {
			t.Fatal("two intervals of the same values differ")
		}
		if got[0] <= p && p <= got[1] {
			held++
		}
	}
	if held < trials*90/100 || held > trials*99/100 {
		t.Errorf("the intervals hold the mean in %d of %d trials", held, trials)
	}
	for _, tt := range []struct {
		values []float64
		want   Interval
	}{
		{nil, Interval{0, 0}}, {[]float64{1, 1, 1}, Interval{1, 1}}, {[]float64{0.5}, Interval{0.5, 0.5}},
		{[]float64{-0.25, -0.25}, Interval{-0.25, -0.25}},
	} {
		if got := b.MeanInterval(tt.values); got != tt.want {
			t.Errorf("the interval of %v is %v, want %v", tt.values, got, tt.want)
		}
	}
	wide, narrow := b.MeanInterval(repeated(20)), b.MeanInterval(repeated(2000))
	if wide[1]-wide[0] < 5*(narrow[1]-narrow[0]) {
		t.Errorf("%v of 20 questions, %v of 2000", wide, narrow)
	}
	// Groups are drawn apart: a statistic of their means does not depend on their sizes.
	groups := [][]float64{repeated(4), repeated(400)}
	got := b.Interval(groups, func(g [][]float64) float64 {
		if len(g[0]) != 4 || len(g[1]) != 400 {
			t.Fatal(fmt.Sprint("groups of ", len(g[0]), " and ", len(g[1])))
		}
		return (Mean(g[0]) + Mean(g[1])) / 2
	})
	if got[1]-got[0] < 0.3 || got[0] < 0 || got[1] > 1 {
		t.Errorf("the mean of a small and a large group lies in %v", got)
	}
}

// repeated is n values, half of them 1 and half 0.
func repeated(n int) []float64 {
	values := make([]float64, n)
	for i := range n / 2 {
		values[i] = 1
	}
	return values
}
