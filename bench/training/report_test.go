package main

import (
	"math"
	"strings"
	"testing"
)

// TestReport: medians of quotients within a round, on a machine that loses half its pace.
func TestReport(t *testing.T) {
	with := result{Model: "7.9M", Type: "f32", Threads: 1, flops: 1e9}
	with.close([]float64{80, 40, 84}, []float64{100, 50, 100}, []float64{40, 20, 28})
	alone := result{Model: "7.9M", Type: "bf16", Threads: 2, flops: 1e9}
	alone.close([]float64{60}, []float64{0}, nil)
	r := report{Machine: "M", Peer: "P", Rounds: 3, Cases: []result{with, alone}}
	var b strings.Builder
	if err := r.write(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"M. Medians of 3 rounds.\nPeer: P.\n",
		"| 7.9M  |  f32 |       1 |       80 |      80 |     80 % of 100 |                    28 |           2.00 |\n",
		"| 7.9M  | bf16 |       2 |       60 |      60 |               – |                     – |              – |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}

func TestCurve(t *testing.T) {
	c := curve{Ours: []float64{3, 2, 1}, Theirs: []float64{3, 2.25, 1.125}}
	if off, step := c.apart(); off != .25 || step != 1 {
		t.Errorf("%v apart at step %d, want 0.25 at 1", off, step)
	}
	c.Theirs[1] = math.NaN()
	if off, step := c.apart(); !math.IsNaN(off) || step != 1 {
		t.Errorf("a loss that is not a number is %v apart, at step %d", off, step)
	}
}
