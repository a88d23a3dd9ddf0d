package term

import (
	"math"
	"math/bits"
	"slices"
)

// dims is the fixed dimension that words are hashed to.
const dims = 1 << 13

// Vector is a sparse vector of unit length, ascending by dimension. The vector of a text without
// words is empty.
type Vector []component

type component struct {
	dim    int
	weight float64
}

// Counter counts the words of texts, one text after another.
type Counter struct {
	counts []Vector // of each text, weighted by the number of times alone
	found  []int    // number of texts that have a dimension
	now    []int    // times in the text being counted
	used   []int    // dimensions of it
	words  []uint64
}

// NewCounter returns a counter of no texts.
func NewCounter() *Counter {
	return &Counter{found: make([]int, dims), now: make([]int, dims)}
}

// Add counts the words of a part of the current text.
func (c *Counter) Add(part string) {
	c.words = Words(c.words[:0], part)
	for _, h := range c.words {
		d := int(h % dims)
		if c.now[d] == 0 {
			c.used = append(c.used, d)
		}
		c.now[d]++
	}
}

// Next ends the current text and begins the next one.
func (c *Counter) Next() {
	slices.Sort(c.used)
	v := make(Vector, len(c.used))
	for j, d := range c.used {
		v[j] = component{d, float64(bits.Len(uint(c.now[d])))}
		c.found[d]++
		c.now[d] = 0
	}
	c.counts = append(c.counts, v)
	c.used = c.used[:0]
}

// Vectors returns the TF-IDF vector of each text, and leaves the counter without any.
//
// A word found n times in one of N texts and at all in d of them weighs bits.Len(n) · log(1 + N/d).
// The logarithm is rounded to 1/1024, so that systems whose math.Log differ in the last bit agree.
// For the same end no product here can be fused with a sum.
func (c *Counter) Vectors() []Vector {
	vectors := c.counts
	idf := make([]float64, dims)
	for d, n := range c.found {
		if n > 0 {
			idf[d] = math.Round(1024 * math.Log(1+float64(len(vectors))/float64(n)))
		}
	}
	for _, v := range vectors {
		sum := 0.0
		for j := range v {
			v[j].weight *= idf[v[j].dim]
			sum += float64(v[j].weight * v[j].weight)
		}
		length := math.Sqrt(sum)
		for j := range v {
			v[j].weight /= length
		}
	}
	*c = *NewCounter()
	return vectors
}

// Cosine returns the cosine of the angle between v and w.
func (v Vector) Cosine(w Vector) float64 {
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

// Direction is a dense vector of unit length, or zero.
type Direction [dims]float64

// Mean returns the direction of the sum of vectors.
func Mean(vectors ...Vector) *Direction {
	var m Direction
	for _, v := range vectors {
		for _, c := range v {
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

// Sparse returns m as a Vector.
func (m *Direction) Sparse() Vector {
	var v Vector
	for d, x := range m {
		if x != 0 {
			v = append(v, component{d, x})
		}
	}
	return v
}

// Along returns the cosine of the angle between v and m.
func (v Vector) Along(m *Direction) float64 {
	sum := 0.0
	for _, c := range v {
		sum += float64(c.weight * m[c.dim])
	}
	return sum
}
