package exercise

import "spell/tensor/rng"

// Weighted returns an index of weights with probability in proportion to its weight, or −1 if none is
// positive.
func Weighted(r *rng.Rand, weights []float64) int {
	var sum float64
	last := -1
	for i, w := range weights {
		if w > 0 {
			sum += w
			last = i
		}
	}
	if last < 0 {
		return -1
	}
	at := r.Float64() * sum
	for i, w := range weights[:last] {
		if w > 0 {
			if at < w {
				return i
			}
			at -= w
		}
	}
	return last
}

// Quotas divides n by largest remainders in proportion to weights that are not negative and of which one is
// positive. Of equal remainders the earlier one comes first.
func Quotas(n int, weights []float64) []float64 {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	quota, rest := make([]float64, len(weights)), make([]float64, len(weights))
	given := 0
	for k := range quota {
		share := weights[k] / sum * float64(n)
		whole := int(share)
		quota[k], rest[k] = float64(whole), share-float64(whole)
		given += whole
	}
	for ; given < n; given++ {
		most := 0
		for k, v := range rest {
			if v > rest[most] {
				most = k
			}
		}
		quota[most]++
		rest[most] = -1
	}
	return quota
}
