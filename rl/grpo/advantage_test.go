package grpo

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

func TestGroupAdvantages(t *testing.T) {
	const a, b = 0.35355, -2.47487 // 7 to 1: mean 7/8, std √(1/8)
	tests := []struct {
		name          string
		rewards, want []float64
	}{
		{"seven to one", []float64{1, 1, 1, 1, 1, 1, 1, 0}, []float64{a, a, a, a, a, a, a, b}},
		{"half", []float64{1, 0, 1, 0}, []float64{0.866024, -0.866024, 0.866024, -0.866024}},
		{"two", []float64{3, 1}, []float64{0.707106, -0.707106}},
		{"equal", []float64{1, 1, 1}, []float64{0, 0, 0}},
		{"equal with a rounded mean", []float64{0.1, 0.1, 0.1}, []float64{0, 0, 0}},
		{"single", []float64{-1}, []float64{0}},
		{"none", nil, nil},
	}
	for _, tt := range tests {
		got := make([]float64, len(tt.rewards))
		for i := range got {
			got[i] = math.NaN()
		}
		GroupAdvantages(got, tt.rewards, false)
		near(t, tt.name, got, tt.want, 1e-5)
	}
	centred := make([]float64, 8)
	GroupAdvantages(centred, tests[0].rewards, true)
	near(t, "centred", centred, []float64{0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, -0.875}, 1e-15)
	got := []float64{0, 0, 0}
	GroupAdvantages(got, []float64{0.1, 0.1, 0.1}, false)
	if got[0] != 0 {
		t.Errorf("equal rewards give %g, not exactly 0", got[0])
	}
}

// TestEqualRewards: rewards that are the same by their formula give advantages of exactly zero,
// whatever their last bits, and the smallest difference that a setting can make does not.
func TestEqualRewards(t *testing.T) {
	triangle := func(passes, g int) float64 { return 1 - 2*math.Abs(float64(passes)/float64(g)-0.5) }
	if triangle(3, 10) == triangle(7, 10) {
		t.Fatal("the two rewards of the first case are equal as they are")
	}
	for _, tt := range []struct {
		name    string
		rewards []float64
		equal   bool
	}{
		{"3 and 7 of 10", []float64{triangle(3, 10), triangle(7, 10), triangle(3, 10)}, true},
		{"the last bit", []float64{0.1, math.Nextafter(0.1, 1), math.Nextafter(0.1, 0)}, true},
		{"zeros of both signs", []float64{0, math.Copysign(0, -1)}, true},
		{"large and equal", []float64{1e30, 1e30}, true},
		{"large and different", []float64{1e30, 2e30}, false},
		{"a millionth", []float64{0.5, 0.500001}, false},
		{"opposite", []float64{1, -1}, false},
	} {
		got := make([]float64, len(tt.rewards))
		GroupAdvantages(got, tt.rewards, false)
		zero := true
		for _, a := range got {
			zero = zero && a == 0
		}
		if Equal(tt.rewards) != tt.equal || zero != tt.equal {
			t.Errorf("%s: equal is %v, the advantages are %v; want equal %v", tt.name, Equal(tt.rewards), got, tt.equal)
		}
	}
}

func TestBatchAdvantages(t *testing.T) {
	rewards := []float64{1, -1, 0.3247, 0, -0.5}
	got := make([]float64, len(rewards))
	BatchAdvantages(got, rewards, nil, false)
	// mean −0.03506, Σ(r−mean)² = 2.34928, std = √(Σ/4) = 0.766368
	near(t, "one baseline", got, []float64{1.350602, -1.259108, 0.469435, 0.045748, -0.606681}, 1e-4)
	BatchAdvantages(got, rewards, []int{0, 0, 2, 1, 1}, false)
	near(t, "per task", got, []float64{0.707106, -0.707106, 0, 0.707106, -0.707105}, 1e-5)
	same := append([]float64(nil), rewards...)
	BatchAdvantages(same, same, []int{0, 0, 2, 1, 1}, false)
	near(t, "in place", same, got, 0)
}
