package learn

import (
	"math"
	"slices"
)

// trendUpdates is how many losses a Trend keeps of each end.
const trendUpdates = 10

// A Trend is the losses of the first and of the last updates of a run or a stage, oldest first.
type Trend struct {
	First []float64 `json:"first"`
	Last  []float64 `json:"last"`
	N     int       `json:"updates"` // in all
}

// Add takes in the loss of an update. Copies of the trend stay as they are.
func (t *Trend) Add(loss float64) {
	if t.N < trendUpdates {
		t.First = append(slices.Clone(t.First), loss)
	}
	t.Last = append(slices.Clone(t.Last[max(0, len(t.Last)-trendUpdates+1):]), loss)
	t.N++
}

// Rose returns the mean losses of the first and of the last updates, up to ten of each and none in both,
// and whether the loss rose by more than chance. guess is the loss of a model that knows nothing: one
// that ends above it, and above where it began, became worse in any case.
func (t *Trend) Rose(guess float64) (first, last float64, rose bool) {
	n := min(t.N/2, len(t.First), len(t.Last))
	if n == 0 {
		return 0, 0, false
	}
	first, spread := meanAndSpread(t.First[:n])
	last, _ = meanAndSpread(t.Last[len(t.Last)-n:])
	chance := first // of single losses, whose spread nobody knows
	if n > 1 {
		chance = max(3*spread*math.Sqrt(2/float64(n)), first/10)
	}
	lost := last > 1.05*max(guess, t.First[0])
	return first, last, lost || last > first+chance || math.IsNaN(last)
}

// meanAndSpread returns the mean and the standard deviation of a sample; that of a single value is 0.
func meanAndSpread(values []float64) (mean, spread float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		spread += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(spread / max(1, n-1))
}
