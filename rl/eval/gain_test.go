package eval

import (
	"math"
	"strings"
	"testing"
)

// TestGain: gains are those of the shares, of all answers and of those that can be read, in intervals as wide as the
// questions leave room for; a question is drawn with what became of it before and after.
func TestGain(t *testing.T) {
	paired := func(before, after string) Paired { return Paired{Before: before, After: after} }
	of := func(n int, p Paired) Paired {
		for range len(p.After) / n {
			p.PerPrompt = append(p.PerPrompt, n)
		}
		return p
	}
	many := func(s string) string { return strings.Repeat(s, 400/len(s)) }
	for name, tt := range map[string]struct {
		tests         []Paired
		all, readable float64
		width         [2]float64 // of the intervals, about
	}{
		"no change":              {[]Paired{paired(many("10-1"), many("10-1"))}, 0, 0, [2]float64{0, 0}},
		"all better":             {[]Paired{paired(many("0"), many("1"))}, 1, 1, [2]float64{0, 0}},
		"half better":            {[]Paired{paired(many("00"), many("01"))}, 0.5, 0.5, [2]float64{0.098, 0.098}},
		"read, and right":        {[]Paired{paired(many("1-"), many("11"))}, 0.5, 0, [2]float64{0.098, 0}},
		"read, and wrong":        {[]Paired{paired(many("1-"), many("10"))}, 0, -0.5, [2]float64{0, 0.098}},
		"none could be read":     {[]Paired{paired(many("-"), many("1"))}, 1, 1, [2]float64{0, 0}},
		"no longer to be read":   {[]Paired{paired(many("1-0-"), many("1---"))}, 0, 0.5, [2]float64{0, 4 * math.Sqrt(0.25/200)}},
		"prompts of one kind":    {[]Paired{of(4, paired(many("0000"), many("00001111")))}, 0.5, 0.5, [2]float64{0.196, 0.196}},
		"prompts that are alike": {[]Paired{of(4, paired(many("0000"), many("0011")))}, 0.5, 0.5, [2]float64{0, 0}},
		"two tests":              {[]Paired{paired(many("0"), many("1")), paired(many("-1"), many("01"))}, 0.5, 0.25, [2]float64{0, 0.049}},
		"two, of several sizes":  {[]Paired{paired("00", "11"), paired(many("0"), many("0"))}, 0.5, 0.5, [2]float64{0, 0}},
	} {
		b := Bootstrap{Seed: 1, Samples: 2000}
		for i, of := range []func(Paired, []float64) float64{Paired.All, Paired.Readable} {
			want, g := [2]float64{tt.all, tt.readable}[i], b.Gain(tt.tests, of)
			width := g.Interval[1] - g.Interval[0]
			if math.Abs(g.Mean-want) > 1e-12 || g.Interval[0] > g.Mean+1e-12 || g.Interval[1] < g.Mean-1e-12 ||
				math.Abs(width-tt.width[i]) > 0.12*tt.width[i]+1e-12 {
				t.Errorf("%s, %d: %+v, %g wide; want %g, %g wide", name, i, g, width, want, tt.width[i])
			}
		}
	}
	if s := (Gain{0.5, Interval{-0.0125, 1}}).String(); s != "+50.0 points, -1.2 to +100.0" {
		t.Error(s)
	}
}
