package term

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Dims is the fixed dimension that words are hashed to.
const Dims = 1 << 13

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
	return &Counter{found: make([]int, Dims), now: make([]int, Dims)}
}

// Add counts the words of a part of the current text.
func (c *Counter) Add(part string) {
	c.words = Words(c.words[:0], part)
	for _, h := range c.words {
		d := int(h % Dims)
		if c.now[d] == 0 {
			c.used = append(c.used, d)
		}
		c.now[d]++
	}
}

// Next ends the current text and begins the next one.
func (c *Counter) Next() {
	v := c.take()
	for _, x := range v {
		c.found[x.dim]++
	}
	c.counts = append(c.counts, v)
}

// Apart ends the current text and begins the next one: the counter forgets it, and returns its vector.
func (c *Counter) Apart(w Weights) Vector {
	v := c.take()
	w.weigh(v)
	return v
}

// take returns what was counted of the current text.
func (c *Counter) take() Vector {
	slices.Sort(c.used)
	v := make(Vector, len(c.used))
	for j, d := range c.used {
		v[j] = component{d, float64(bits.Len(uint(c.now[d])))}
		c.now[d] = 0
	}
	c.used = c.used[:0]
	return v
}

// Weights is what each dimension weighs, by the number of texts that have it; one that none has weighs nothing.
type Weights []float64

// Weights returns the weights by the texts counted.
//
// A dimension that d of N texts have weighs log(1 + N/d). The logarithm is rounded to 1/1024, so that
// systems whose math.Log differ in the last bit agree.
func (c *Counter) Weights() Weights {
	w := make(Weights, Dims)
	for d, n := range c.found {
		if n > 0 {
			w[d] = math.Round(1024 * math.Log(1+float64(len(c.counts))/float64(n)))
		}
	}
	return w
}

// weigh makes the vector of a text's counts one of unit length, or all zero. No product here can be fused
// with a sum, so that all systems agree.
func (w Weights) weigh(v Vector) {
	sum := 0.0
	for j := range v {
		v[j].weight *= w[v[j].dim]
		sum += float64(v[j].weight * v[j].weight)
	}
	if length := math.Sqrt(sum); length > 0 {
		for j := range v {
			v[j].weight /= length
		}
	}
}

// Vectors returns the TF-IDF vector of each text, and leaves the counter without any. A word found n
// times in a text weighs bits.Len(n) times the weight of its dimension.
func (c *Counter) Vectors() []Vector {
	vectors, w := c.counts, c.Weights()
	for _, v := range vectors {
		w.weigh(v)
	}
	*c = *NewCounter()
	return vectors
}

// All returns the dimensions of v in ascending order, with what they weigh.
func (v Vector) All() iter.Seq2[int, float64] {
	return func(yield func(int, float64) bool) {
		for _, c := range v {
			if !yield(c.dim, c.weight) {
				return
			}
		}
	}
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
type Direction [Dims]float64

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
