package sft

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"spell/kernels/tally"
	"spell/model"
	"spell/rl/budget"
	"spell/rl/runner"
)

// TestTime: the time of a run is that of its updates, each of the mean lines and tokens, and of the
// measurements that it makes; it grows with lines, epochs and lengths, and is said when a run begins.
func TestTime(t *testing.T) {
	rates := tally.Rates{Read: 10, Update: 10}
	for k := range rates.Flops {
		rates.Flops[k] = 100
	}
	times := func(lines, words int, change func(*Config)) *budget.Times {
		t.Helper()
		var rows []string
		for i := range lines {
			rows = append(rows, pair(fmt.Sprint("who ", i), strings.Repeat(" red", words)))
		}
		m := &Method{OnModel: runner.OnModel{}, Config: config(), file: file(t, rows...)}
		change(&m.Config)
		shape, err := m.Shape()
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Plan(t.Context(), tally.New(tally.Rates{}), shape, model.F32)
		if err != nil {
			t.Fatal(err)
		}
		at, err := p.Clock(rates)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%d steps of about ", at.Steps)
		if text := p.Start(budget.Machine{Times: at}); !strings.HasPrefix(text, want) {
			t.Errorf("a run begins with %q", text)
		}
		return at
	}
	none := func(*Config) {}
	base := times(12, 10, none)
	if base.Steps != 2*4 || base.Tests != 0 || !(base.Step() > 0) {
		t.Errorf("%d steps of %g s and %g s of tests", base.Steps, base.Step(), base.Tests)
	}
	if more := times(24, 10, none); more.Steps != 2*base.Steps {
		t.Errorf("twice the lines have %d steps", more.Steps)
	}
	if more := times(12, 10, func(c *Config) { c.Epochs = 6 }); more.Steps != 3*base.Steps ||
		math.Abs(more.Run()/base.Run()-3) > 1e-9 {
		t.Errorf("three times the epochs take %d steps, %g s after %g", more.Steps, more.Run(), base.Run())
	}
	if more := times(12, 60, none); more.Steps != base.Steps || more.Step() < 2*base.Step() {
		t.Errorf("longer answers take %g s a step after %g", more.Step(), base.Step())
	}
	often := times(12, 10, func(c *Config) { c.HeldOut, c.Measure = 0.5, 1 })
	seldom := times(12, 10, func(c *Config) { c.HeldOut, c.Measure = 0.5, 100 })
	if often.Steps != 4 || !(seldom.Tests > 0) || math.Abs(often.Tests/seldom.Tests-5.0/2) > 1e-9 {
		t.Errorf("%d steps; tests of %g s after each and %g s before and after", often.Steps, often.Tests, seldom.Tests)
	}
}
