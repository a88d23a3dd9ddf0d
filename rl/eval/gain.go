package eval

import "fmt"

// Paired are the outcomes of a test before and after, each a Result's: of the same questions in the same order.
type Paired struct{ Before, After string }

// All returns by how much the share of right answers rose over the questions of some numbers.
func (p Paired) All(questions []float64) float64 {
	return among(p.After, questions, false).Rate() - among(p.Before, questions, false).Rate()
}

// Readable returns by how much the share of right answers among those that can be read rose over the questions of some
// numbers. They are other questions before than after.
func (p Paired) Readable(questions []float64) float64 {
	return among(p.After, questions, true).Rate() - among(p.Before, questions, true).Rate()
}

// among counts the outcomes of the questions of some numbers, all or those that can be read.
func among(outcomes string, questions []float64, readable bool) (c Count) {
	for _, q := range questions {
		if o := outcomes[int(q)]; o != unreadable || !readable {
			c.Add(o == '1')
		}
	}
	return c
}

// Numbers returns the numbers of n questions, which Bootstrap draws from.
func Numbers(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(i)
	}
	return v
}

// A Gain is by how much a rate rose, from -1 to 1.
type Gain struct {
	Mean     float64  `json:"mean" doc:"by how much it rose, 1 is 100 points"`
	Interval Interval `json:"interval" doc:"which holds the true value with a probability of 95 %, paired by question"`
}

// Gain returns the mean over tests of a gain of each, which is Paired.All or Paired.Readable.
func (b Bootstrap) Gain(tests []Paired, of func(Paired, []float64) float64) Gain {
	groups := make([][]float64, len(tests))
	for i, t := range tests {
		groups[i] = Numbers(len(t.After))
	}
	mean := func(drawn [][]float64) (sum float64) {
		for i, t := range tests {
			sum += of(t, drawn[i])
		}
		return sum / float64(max(len(tests), 1))
	}
	return Gain{mean(groups), b.Interval(groups, mean)}
}

// String is the gain in points.
func (g Gain) String() string {
	return fmt.Sprintf("%+.1f points, %+.1f to %+.1f", 100*g.Mean, 100*g.Interval[0], 100*g.Interval[1])
}
