package eval

import (
	"math"
	"slices"

	"spell/tensor/rng"
)

// PassAtK returns the chance that at least one of k answers is right which are drawn, without putting
// any back, from n answers of which c are: 1 − C(n−c, k)/C(n, k). Over questions its mean is an
// unbiased estimate of pass@k. k is at most n.
func PassAtK(n, c, k int) float64 {
	if n-c < k {
		return 1
	}
	none := 1.0
	for i := range k { // the next one is wrong, too
		none *= float64(n-c-i) / float64(n-i)
	}
	return 1 - none
}

// Mean returns the mean of some values, 0 of none.
func Mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

// An Interval holds the true value with a probability of 95 %, as far as the questions tell.
type Interval [2]float64

// Bootstrap is how intervals are found: by drawing the questions again, with repetition.
type Bootstrap struct {
	Seed    uint64 `json:"seed"`
	Samples int    `json:"samples"`
}

// Interval returns the 2.5th and the 97.5th percentile of a statistic over samples of groups of
// values. Each group is drawn from itself, as many as it has; a group's values are one per question,
// since answers to one question are no independent trials. The differences of two models' values, in
// the order of the questions, give a paired interval. An empty group stays empty.
func (b Bootstrap) Interval(groups [][]float64, statistic func(groups [][]float64) float64) Interval {
	drawn := make([][]float64, len(groups))
	for g := range groups {
		drawn[g] = make([]float64, len(groups[g]))
	}
	found := make([]float64, b.Samples)
	for s := range found {
		for g, values := range groups {
			r := rng.At(b.Seed, rng.Bootstrap, uint64(s), uint64(g), 0)
			for i := range values {
				drawn[g][i] = values[r.Intn(len(values))]
			}
		}
		found[s] = statistic(drawn)
	}
	slices.Sort(found)
	if len(found) == 0 {
		return Interval{math.Inf(-1), math.Inf(1)}
	}
	at := func(q float64) float64 { return found[int(math.Round(q*float64(len(found)-1)))] }
	return Interval{at(0.025), at(0.975)}
}

// MeanInterval is the interval of the mean of some values.
func (b Bootstrap) MeanInterval(values []float64) Interval {
	return b.Interval([][]float64{values}, func(g [][]float64) float64 { return Mean(g[0]) })
}
