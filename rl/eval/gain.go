package eval

import "fmt"

// Paired are the outcomes of a test before and after, each a Result's: of the same questions in the same order.
type Paired struct {
	Before, After string
	PerPrompt     []int // as in Result; empty: each question is drawn for itself
}

// PairedOf returns the outcomes of a test before and after.
func PairedOf(before, after *Result) Paired {
	return Paired{before.Outcomes, after.Outcomes, after.PerPrompt}
}

// Draws returns how many prompts, or else questions, there are to draw from.
func (p Paired) Draws() int {
	if len(p.PerPrompt) > 0 {
		return len(p.PerPrompt)
	}
	return len(p.After)
}

// questions returns the outcomes before and after of what is drawn by its number.
func (p Paired) questions(drawn int) (before, after string) {
	from, to := drawn, drawn+1
	if len(p.PerPrompt) > 0 {
		from = 0
		for _, n := range p.PerPrompt[:drawn] {
			from += n
		}
		to = from + p.PerPrompt[drawn]
	}
	return p.Before[from:to], p.After[from:to]
}

// All returns by how much the share of right answers rose over what was drawn, by its numbers.
func (p Paired) All(drawn []float64) float64 { return p.rose(drawn, false) }

// Readable returns by how much the share of right answers among those that can be read rose over what was drawn. They
// are other questions before than after.
func (p Paired) Readable(drawn []float64) float64 { return p.rose(drawn, true) }

func (p Paired) rose(drawn []float64, readable bool) float64 {
	var b, a Count
	for _, d := range drawn {
		before, after := p.questions(int(d))
		b.outcomes(before, readable)
		a.outcomes(after, readable)
	}
	return a.Rate() - b.Rate()
}

// outcomes counts outcomes, all or those of answers that can be read.
func (c *Count) outcomes(list string, readable bool) {
	for _, o := range list {
		if o != unreadable || !readable {
			c.Add(o == '1')
		}
	}
}

// Numbers returns 0 to n-1, which Bootstrap draws from.
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
		groups[i] = Numbers(t.Draws())
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

// Gains are by how much accuracy rose.
type Gains struct {
	All      Gain `json:"all" doc:"in the share of right answers"`
	Readable Gain `json:"readable" doc:"in their share among answers that can be read, other ones before than after"`
}

// Gains returns the means over tests of both gains of each.
func (b Bootstrap) Gains(tests []Paired) Gains {
	return Gains{b.Gain(tests, Paired.All), b.Gain(tests, Paired.Readable)}
}

// String is both in points.
func (g Gains) String() string { return fmt.Sprintf("%v; of readable answers %v", g.All, g.Readable) }
