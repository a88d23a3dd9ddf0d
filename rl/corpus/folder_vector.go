package corpus

import (
	"math"
	"math/bits"
	"slices"
)

// dims is the fixed dimension that words are hashed to.
const dims = 1 << 13

// vector is a sparse vector of unit length, ascending by dimension; that of a text without words is empty.
type vector []component

type component struct {
	dim    int
	weight float64
}

// tfidf returns the TF-IDF vectors of texts, each given as a list of parts.
//
// A word found n times in one of N texts and at all in d of them weighs bits.Len(n) · log(1 + N/d), the logarithm rounded to 1/1024
// so that systems whose math.Log differ in the last bit agree. For the same end no product here can be fused with a sum.
func tfidf(texts [][]string) []vector {
	vectors := make([]vector, len(texts))
	found := make([]int, dims) // number of texts
	var count [dims]int
	for i, parts := range texts {
		var used []int
		for _, part := range parts {
			for _, h := range words(part) {
				d := int(h % dims)
				if count[d] == 0 {
					used = append(used, d)
				}
				count[d]++
			}
		}
		slices.Sort(used)
		vectors[i] = make(vector, len(used))
		for j, d := range used {
			vectors[i][j] = component{d, float64(bits.Len(uint(count[d])))}
			found[d]++
			count[d] = 0
		}
	}
	for i, v := range vectors {
		for j, c := range v {
			v[j].weight *= math.Round(1024 * math.Log(1+float64(len(texts))/float64(found[c.dim])))
		}
		vectors[i] = mean([]unit{{vec: v}}).sparse()
	}
	return vectors
}

// cosine returns the cosine of the angle between v and w.
func (v vector) cosine(w vector) float64 {
	sum := 0.0
	for i, j := 0, 0; i < len(v) && j < len(w); {
		switch {
		case v[i].dim < w[j].dim:
			i++
		case v[i].dim > w[j].dim:
			j++
		default:
			sum += float64(v[i].weight * w[j].weight)
			i, j = i+1, j+1
		}
	}
	return sum
}

// direction is a dense vector of unit length, or zero.
type direction [dims]float64

// mean returns the direction of the sum of the vectors of units.
func mean(units []unit) *direction {
	var m direction
	for _, u := range units {
		for _, c := range u.vec {
			m[c.dim] += c.weight
		}
	}
	sum := 0.0
	for _, x := range m {
		sum += float64(x * x)
	}
	if length := math.Sqrt(sum); length > 0 {
		for d := range m {
			m[d] /= length
		}
	}
	return &m
}

func (m *direction) sparse() vector {
	var v vector
	for d, x := range m {
		if x != 0 {
			v = append(v, component{d, x})
		}
	}
	return v
}

// along returns the cosine of the angle between v and m.
func (v vector) along(m *direction) float64 {
	sum := 0.0
	for _, c := range v {
		sum += float64(c.weight * m[c.dim])
	}
	return sum
}
