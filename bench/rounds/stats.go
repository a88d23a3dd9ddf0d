package rounds

import (
	"math"
	"slices"
)

// Median is the middle of the numbers that are not NaN, the mean of the two middle ones where
// their number is even; NaN of none.
func Median(v []float64) float64 {
	s := slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	if len(s) == 0 {
		return math.NaN()
	}
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Quotients is a[i]/b[i]; NaN where b[i] is 0.
func Quotients(a, b []float64) []float64 {
	q := make([]float64, len(a))
	for i := range a {
		q[i] = a[i] / b[i]
		if b[i] == 0 {
			q[i] = math.NaN()
		}
	}
	return q
}

// Higher is the larger of a[i] and b[i].
func Higher(a, b []float64) []float64 {
	h := make([]float64, len(a))
	for i := range a {
		h[i] = max(a[i], b[i])
	}
	return h
}

// Geomean is the geometric mean; NaN of none.
func Geomean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(v)))
}
