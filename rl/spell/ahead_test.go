package spell

import (
	"math"
	"testing"

	"spell/kernels/tally"
	"spell/model"
)

// TestAheadPlanned: the time that questions take ahead of the first step is in the plan, and a step over fixed
// questions has none for the questioner.
func TestAheadPlanned(t *testing.T) {
	m := testShape(420)
	texts := &Texts{Clusters: 40, Documents: 6, Cluster: 400, PerToken: 4, Bytes: 16000}
	seconds := func(static string, asked int) (aside, step float64) {
		c := small()
		c.Static, c.StaticAsked = static, asked
		b := tally.New(tally.Rates{})
		p, err := NewPlan(t.Context(), b, m, model.F32, c, texts)
		if err != nil {
			t.Fatal(err)
		}
		times, err := p.Clock(tally.Rates{Read: 1, Update: 1})
		if err != nil {
			t.Fatal(err)
		}
		return times.Tests, times.Step()
	}
	aside, step := seconds("none", 0)
	base, less := seconds("base", 0)
	twice, _ := seconds("base", 80)
	free, same := seconds("truth", 0)
	if aside != 0 || base <= 0 || twice < 1.9*base || twice > 2.1*base || free != 0 {
		t.Errorf("before the first step %g, of base %g, of twice as many %g, of truth %g", aside, base, twice, free)
	}
	if less >= step || math.Abs(less-same) > 1e-9 {
		t.Errorf("a step takes %g, of base %g, of truth %g", step, less, same)
	}
}
