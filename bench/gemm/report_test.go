package main

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

// example is two shapes with two rounds, the first shape on a machine that loses half its pace.
func example() *report {
	first := result{Shape: "NT 8x8x8", form: "NT", peaks: [2][]float64{{100, 50}, {0, 0}}, Engines: []measured{
		{Engine: "spell", ours: true, rates: []float64{80, 40}},
		{Engine: "spell", ours: true, Packed: true, rates: []float64{90, 45}},
		{Engine: "gonum", rates: []float64{10, math.NaN()}},
		{Engine: "oneDNN", rates: []float64{100, 50}},
		{Engine: "oneDNN", Packed: true, rates: []float64{60, 30}},
		{Engine: "BLIS", Wrong: "off by 1"},
	}}
	second := result{Shape: "NT 9x9x9", form: "NT", peaks: [2][]float64{{100, 90}, {0, 0}}, Engines: []measured{
		{Engine: "spell", ours: true, rates: []float64{80, 72}},
		{Engine: "oneDNN", rates: []float64{40, 36}},
		{Engine: "oneDNN", Packed: true, Lacks: "it has no kernel"},
	}}
	first.close(false)
	second.close(false)
	g := group{Type: "f32", Threads: 1, Cases: []result{first, second}}
	g.close()
	r := &report{Groups: []group{g}}
	r.summarize()
	return r
}

func TestResult(t *testing.T) {
	r := example()
	c := r.Groups[0].Cases[0]
	if e := c.Engines[0]; e.Rate != 60 || math.Abs(e.OfPeak-.8) > 1e-12 {
		t.Errorf("spell: %v GFLOP/s and %v of the peak, want 60 and 0.8", e.Rate, e.OfPeak)
	}
	if e := c.Engines[2]; e.Rate != 10 || math.Abs(e.OfPeak-.1) > 1e-12 {
		t.Errorf("gonum: %v GFLOP/s and %v of the peak in its one round, want 10 and 0.1", e.Rate, e.OfPeak)
	}
	if want := []ratio{{false, "oneDNN", .8}, {true, "oneDNN", 1.5}}; !slices.Equal(c.Ratios, want) {
		t.Errorf("ratios %+v, want %+v", c.Ratios, want)
	}
	if len(r.Summary) != 2 {
		t.Fatalf("summary %+v, want two lines", r.Summary)
	}
	s := r.Summary[0]
	if math.Abs(s.Geomean-math.Sqrt(.8*2)) > 1e-12 || s.Worst.Ratio != .8 || s.Shape != "NT 8x8x8" || s.Packed {
		t.Errorf("summary of the plain product is %+v, want a mean of sqrt(1.6) and 0.8 of NT 8x8x8 as the worst", s)
	}
	if s := r.Summary[1]; math.Abs(s.Geomean-1.5) > 1e-12 || !s.Packed {
		t.Errorf("summary of the packed product is %+v, want a mean of 1.5", s)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// TestHalfPeak takes the higher of two peaks, round by round.
func TestHalfPeak(t *testing.T) {
	c := result{peaks: [2][]float64{{100, 100, 100}, {50, 200, 400}},
		Engines: []measured{{Engine: "spell", ours: true, rates: []float64{50, 50, 50}}}}
	c.close(true)
	if got := c.Engines[0].OfPeak; got != .25 {
		t.Errorf("share of the peak %v, want 0.25", got)
	}
	if len(c.Ratios) != 0 {
		t.Errorf("ratios without peers: %v", c.Ratios)
	}
}

func TestTables(t *testing.T) {
	r := example()
	r.Groups[0].PeakBF16 = 40
	var b strings.Builder
	r.Groups[0].write(&b)
	r.writeSummary(&b)
	const want = `
f32, 1 thread; peaks: f32 FMA 95, VDPBF16PS 40 GFLOP/s. Cells: GFLOP/s and share of the peak

| f32        |     spell | spell packed |    oneDNN | oneDNN packed |  BLIS |     gonum | ours / best | both packed |
|------------|----------:|-------------:|----------:|--------------:|------:|----------:|------------:|------------:|
| NT 8x8x8 * | 60.0  80% |    67.5  90% | 75.0 100% |     45.0  60% | wrong | 10.0  10% | 0.80 oneDNN | 1.50 oneDNN |
| NT 9x9x9   | 76.0  80% |              | 38.0  40% |         lacks |       |           | 2.00 oneDNN |             |

* The median peak of these rounds was less than 80 % of the highest: other programs held processors.

Ours / best peer of the same type and packing, over the shapes of a form

|                          | geometric mean |       worst |    where |
|--------------------------|---------------:|------------:|---------:|
| f32, 1 thread, NT        |           1.26 | 0.80 oneDNN | NT 8x8x8 |
| f32, 1 thread, NT packed |           1.50 | 1.50 oneDNN | NT 8x8x8 |
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}
