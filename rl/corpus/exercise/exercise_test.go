package exercise

import (
	"slices"
	"testing"

	"spell/tensor/rng"
)

func TestQuotas(t *testing.T) {
	for _, tt := range []struct {
		n       int
		weights []float64
		want    []float64
	}{
		{10, []float64{1, 1}, []float64{5, 5}},
		{3, []float64{1, 1}, []float64{2, 1}}, // of equal remainders the earlier one comes first
		{7, []float64{0, 2, 1}, []float64{0, 5, 2}},
		{0, []float64{3}, []float64{0}},
		{2, []float64{0.1, 0.1, 0.1}, []float64{1, 1, 0}},
	} {
		if got := Quotas(tt.n, tt.weights); !slices.Equal(got, tt.want) {
			t.Errorf("%d by %v: %v, want %v", tt.n, tt.weights, got, tt.want)
		}
	}
}

func TestWeighted(t *testing.T) {
	r := rng.At(1, rng.Reading, 0, 0, 0)
	var seen [4]int
	const draws = 4000
	for range draws {
		seen[Weighted(r, []float64{0, 3, -1, 1})]++
	}
	if seen[0]+seen[2] != 0 || seen[1] < draws*70/100 || seen[1] > draws*80/100 {
		t.Errorf("drawn %v", seen)
	}
	for _, none := range [][]float64{nil, {0}, {-1, 0}} {
		if i := Weighted(r, none); i != -1 {
			t.Errorf("of %v comes %d", none, i)
		}
	}
}
