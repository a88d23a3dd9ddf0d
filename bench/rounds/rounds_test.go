package rounds

import (
	"math"
	"slices"
	"testing"
	"time"

	"spell/tensor"
)

var nan = math.NaN()

// same is equality in which NaN equals NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{
		{nil, nan}, {[]float64{nan}, nan}, {[]float64{3}, 3}, {[]float64{5, 1, 3}, 3},
		{[]float64{4, 1, 3, 2}, 2.5}, {[]float64{nan, 9, 1, nan, 2}, 2},
	} {
		before := slices.Clone(c.v)
		if got := Median(c.v); !same(got, c.want) {
			t.Errorf("Median(%v) = %v, want %v", c.v, got, c.want)
		}
		if !slices.EqualFunc(c.v, before, same) {
			t.Errorf("median reordered %v to %v", before, c.v)
		}
	}
}

func TestQuotients(t *testing.T) {
	got := Quotients([]float64{1, 2, nan, 4}, []float64{2, 0, 1, nan})
	if want := []float64{.5, nan, nan, nan}; !slices.EqualFunc(got, want, same) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Higher([]float64{1, 5}, []float64{2, 4}); !slices.Equal(got, []float64{2, 5}) {
		t.Errorf("the higher of each are %v, want [2 5]", got)
	}
}

func TestGeomean(t *testing.T) {
	if got := Geomean([]float64{.5, 2, 8}); math.Abs(got-2) > 1e-12 {
		t.Errorf("got %v, want 2", got)
	}
	if got := Geomean(nil); !math.IsNaN(got) {
		t.Errorf("the mean of none is %v, want NaN", got)
	}
}

// TestInterleave follows the order of three measures, of which the middle one is slow.
func TestInterleave(t *testing.T) {
	var order []int
	measures := make([]func() float64, 3)
	for i := range measures {
		measures[i] = func() float64 {
			order = append(order, i)
			if i == 1 {
				time.Sleep(30 * time.Millisecond)
			}
			return float64(10*i + len(order))
		}
	}
	figures := Schedule{Rounds: 4, Slow: 20 * time.Millisecond, SlowRounds: 2}.Interleave(measures)
	if want := []int{0, 1, 2, 1, 2, 0, 2, 0, 0, 2}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	for i, want := range [][]float64{{1, 6, 8, 9}, {12, 14, nan, nan}, {23, 25, 27, 30}} {
		if !slices.EqualFunc(figures[i], want, same) {
			t.Errorf("figures of measure %d are %v, want %v", i, figures[i], want)
		}
	}
}

func TestSecondsPerCall(t *testing.T) {
	calls := 0
	const call = 2 * time.Millisecond
	got := SecondsPerCall(func() { calls++; time.Sleep(call) }, call, 5*call)
	if calls < 2 || calls > 6 {
		t.Errorf("%d calls, want one to warm and up to five to measure", calls)
	}
	if got < call.Seconds() || got > 1 {
		t.Errorf("%v s a call that sleeps %v", got, call)
	}
}

// TestWatch: memory that is resident for a moment is seen.
func TestWatch(t *testing.T) {
	if Resident() == 0 || Available() == 0 {
		t.Skip("this system does not tell")
	}
	before, highest := Resident(), Watch()
	a, err := tensor.MapArena("a moment", 128<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Host {
		a.Host[i] = 1
	}
	time.Sleep(30 * time.Millisecond)
	if err := a.Free(); err != nil {
		t.Fatal(err)
	}
	if rose := highest() - before; rose < 110 || rose > 150 { // the heap moves, too
		t.Errorf("128 MiB show as %.1f", rose)
	}
}
