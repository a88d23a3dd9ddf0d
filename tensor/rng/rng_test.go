package rng

import (
	"math"
	"slices"
	"testing"
)

// The known answers of the Random123 distribution (philox4x64, 10 rounds).
func TestPhiloxKnownAnswers(t *testing.T) {
	const ones = math.MaxUint64
	tests := []struct {
		key  [2]uint64
		ctr  [4]uint64
		want [4]uint64
	}{
		{[2]uint64{}, [4]uint64{},
			[4]uint64{0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
		{[2]uint64{ones, ones}, [4]uint64{ones, ones, ones, ones},
			[4]uint64{0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
		{[2]uint64{0x452821e638d01377, 0xbe5466cf34e90c6c},
			[4]uint64{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
			[4]uint64{0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}},
	}
	for _, tt := range tests {
		if got := philox(tt.key, tt.ctr); got != tt.want {
			t.Errorf("philox(%x, %x) = %x, want %x", tt.key, tt.ctr, got, tt.want)
		}
	}
}

func TestSequenceIsPure(t *testing.T) {
	r := At(7, Letter, 1, 2, 3)
	if got, want := r.Uint64(), Uint64(7, Letter, 1, 2, 3); got != want {
		t.Errorf("first number %x, want %x", got, want)
	}
	again := At(7, Letter, 1, 2, 3)
	again.Uint64()
	for i := range 20 {
		if a, b := r.Uint64(), again.Uint64(); a != b {
			t.Fatalf("number %d differs between two readers of one key", i+1)
		}
	}
}

func TestEveryKeyWordMatters(t *testing.T) {
	seen := map[uint64]bool{}
	for _, v := range []uint64{
		Uint64(0, 1, 0, 0, 0), Uint64(1, 1, 0, 0, 0), Uint64(0, 2, 0, 0, 0),
		Uint64(0, 1, 1, 0, 0), Uint64(0, 1, 0, 1, 0), Uint64(0, 1, 0, 0, 1),
	} {
		if seen[v] {
			t.Errorf("two keys give %x", v)
		}
		seen[v] = true
	}
	r := At(0, 1, 0, 0, 0)
	for range 4096 {
		seen[r.Uint64()] = true
	}
	if len(seen) != 4096+5 {
		t.Errorf("%d distinct numbers, want %d", len(seen), 4096+5)
	}
}

func TestUniform(t *testing.T) {
	const draws, cells = 70000, 7
	r := At(1, Batch, 0, 0, 0)
	var counts [cells]int
	var sum float64
	for range draws {
		counts[r.Intn(cells)]++
		f := r.Float64()
		if f < 0 || f >= 1 {
			t.Fatalf("Float64 = %g", f)
		}
		sum += f
	}
	var chi2 float64
	for _, n := range counts {
		d := float64(n) - draws/cells
		chi2 += d * d / (draws / cells)
	}
	if chi2 > 22.5 { // 0.1 % point of χ² with 6 degrees of freedom
		t.Errorf("χ² = %.1f for counts %v", chi2, counts)
	}
	if mean := sum / draws; math.Abs(mean-0.5) > 0.005 {
		t.Errorf("mean of Float64 = %.4f", mean)
	}
}

func TestPermAndChoose(t *testing.T) {
	hits := make([]int, 10)
	orders := map[[3]int]int{}
	for k := range uint64(6000) {
		r := At(3, Documents, k, 0, 0)
		p := r.Perm(3)
		orders[[3]int(p)]++
		c := r.Choose(10, 4)
		if len(c) != 4 || !slices.IsSorted(c) || len(slices.Compact(slices.Clone(c))) != 4 {
			t.Fatalf("Choose(10, 4) = %v", c)
		}
		for _, i := range c {
			hits[i]++
		}
	}
	if len(orders) != 6 {
		t.Errorf("%d of 6 orders of three appear", len(orders))
	}
	for o, n := range orders {
		if n < 880 || n > 1120 { // 1000 ± 4σ
			t.Errorf("order %v appears %d times of 6000", o, n)
		}
	}
	for i, n := range hits {
		if n < 2248 || n > 2552 { // 2400 ± 4σ
			t.Errorf("Choose takes %d %d times of 6000", i, n)
		}
	}
	r := At(3, Documents, 0, 0, 0)
	if got := r.Choose(3, 5); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("Choose(3, 5) = %v", got)
	}
	if got := r.Choose(0, 5); len(got) != 0 {
		t.Errorf("Choose(0, 5) = %v", got)
	}
	if got := r.Choose(5, 0); len(got) != 0 {
		t.Errorf("Choose(5, 0) = %v", got)
	}
}

// A bound of 3/4 of the range makes a quarter of the draws be drawn again; taken without that, the
// thirds would be 2:1:1.
func TestLargeBoundIsUnbiased(t *testing.T) {
	const third = 1 << 61
	r := At(1, Batch, 1, 0, 0)
	var counts [3]int
	for range 30000 {
		counts[r.Intn(3*third)/third]++
	}
	for i, n := range counts {
		if n < 9673 || n > 10327 { // 10000 ± 4σ
			t.Errorf("third %d of the range gets %d of 30000 draws", i, n)
		}
	}
}
