package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"spell/bench/rounds"
	"strings"
)

// A report is everything that was measured; rates are in GFLOP/s.
type report struct {
	Machine string
	Rounds  int
	Notes   []string
	Groups  []group
	Summary []summary
}

// A group is the cases of one type and number of threads.
type group struct {
	Type     string
	Threads  int
	PeakFMA  float64 `json:",omitempty"`
	PeakBF16 float64 `json:",omitempty"`
	Cases    []result
}

// A result is one shape.
type result struct {
	Shape     string
	Engines   []measured
	Ratios    []ratio
	Disturbed bool `json:",omitempty"` // the peak was far below that of other shapes

	form  string
	peaks [2][]float64 // f32 FMA and VDPBF16PS, by round
}

// measured is one engine: medians over the rounds.
type measured struct {
	Engine string
	Packed bool
	Rate   float64 `json:",omitempty"`
	OfPeak float64 `json:",omitempty"` // a share
	Kernel string  `json:",omitempty"`
	Lacks  string  `json:",omitempty"` // why the library has no such product
	Wrong  string  `json:",omitempty"` // why its result was rejected

	ours  bool
	rates []float64 // by round
}

// A ratio is ours divided by the peer against which we do worst.
type ratio struct {
	Packed bool
	Peer   string
	Ratio  float64
}

// A summary is the ratios of the shapes of one form.
type summary struct {
	Type    string
	Threads int
	Form    string
	Packed  bool
	Geomean float64
	Worst   ratio
	Shape   string // of the worst
}

// close turns rounds into medians.
func (c *result) close(half bool) {
	peak := c.peaks[0]
	if half {
		peak = rounds.Higher(c.peaks[0], c.peaks[1])
	}
	for i := range c.Engines {
		e := &c.Engines[i]
		if len(e.rates) == 0 {
			continue
		}
		e.Rate = rounds.Median(e.rates)
		if share := rounds.Median(rounds.Quotients(e.rates, peak)); !math.IsNaN(share) {
			e.OfPeak = share
		}
	}
	for _, our := range c.Engines {
		if !our.ours || len(our.rates) == 0 {
			continue
		}
		worst := ratio{Packed: our.Packed, Ratio: math.Inf(1)}
		for _, e := range c.Engines {
			if e.ours || e.Packed != our.Packed || len(e.rates) == 0 {
				continue
			}
			if q := rounds.Median(rounds.Quotients(our.rates, e.rates)); q < worst.Ratio {
				worst.Peer, worst.Ratio = e.Engine, q
			}
		}
		if worst.Peer != "" {
			c.Ratios = append(c.Ratios, worst)
		}
	}
}

// calm is the share of the highest f32 peak of a group below which the median peak of a shape says
// that other programs held processors. Turbo clocks and neighbours alone vary by less.
const calm = .8

// close finds the peaks of the group, medians of the rounds of all shapes, and disturbed shapes.
func (g *group) close() {
	var peaks [2][]float64
	for _, c := range g.Cases {
		for i, p := range c.peaks {
			peaks[i] = append(peaks[i], p...)
		}
	}
	g.PeakFMA, g.PeakBF16 = rounds.Median(peaks[0]), rounds.Median(peaks[1])
	for i := range g.Cases {
		c := &g.Cases[i]
		c.Disturbed = rounds.Median(c.peaks[0]) < calm*slices.Max(peaks[0])
	}
}

// summarize fills Summary from the groups.
func (r *report) summarize() {
	for _, g := range r.Groups {
		for _, form := range []string{"NN", "NT", "TN"} {
			for _, packed := range []bool{false, true} {
				s := summary{Type: g.Type, Threads: g.Threads, Form: form, Packed: packed,
					Worst: ratio{Ratio: math.Inf(1)}}
				var all []float64
				for _, c := range g.Cases {
					i := slices.IndexFunc(c.Ratios, func(q ratio) bool { return q.Packed == packed })
					if c.form != form || i < 0 {
						continue
					}
					all = append(all, c.Ratios[i].Ratio)
					if c.Ratios[i].Ratio < s.Worst.Ratio {
						s.Worst, s.Shape = c.Ratios[i], c.Shape
					}
				}
				if s.Geomean = rounds.Geomean(all); len(all) > 0 {
					r.Summary = append(r.Summary, s)
				}
			}
		}
	}
}

func (r *report) writeHeader(w io.Writer) {
	fmt.Fprintf(w, "C = op(A)·op(B), C [M, N] in f32; shapes are MxKxN. %s.\n", r.Machine)
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
}

// write prints the group as a table with a column for each engine and two of ratios.
func (g *group) write(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %s", g.Type, rounds.Threads(g.Threads))
	var peaks []string
	if g.PeakFMA > 0 {
		peaks = append(peaks, fmt.Sprintf("f32 FMA %.0f", g.PeakFMA))
	}
	if g.PeakBF16 > 0 {
		peaks = append(peaks, fmt.Sprintf("VDPBF16PS %.0f", g.PeakBF16))
	}
	if len(peaks) > 0 {
		fmt.Fprintf(w, "; peaks: %s GFLOP/s", strings.Join(peaks, ", "))
	}
	fmt.Fprint(w, ". Cells: GFLOP/s and share of the peak\n\n")

	var columns []string
	for _, c := range g.Cases {
		for _, e := range c.Engines {
			if t := title(e.Engine, e.Packed); !slices.Contains(columns, t) {
				columns = append(columns, t)
			}
		}
	}
	slices.SortFunc(columns, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	table := [][]string{append(append([]string{g.Type}, columns...), "ours / best", "both packed")}
	disturbed := false
	for _, c := range g.Cases {
		row := make([]string, len(table[0]))
		row[0] = c.Shape
		if c.Disturbed {
			row[0] += " *"
			disturbed = true
		}
		for _, e := range c.Engines {
			row[1+slices.Index(columns, title(e.Engine, e.Packed))] = e.cell()
		}
		for _, q := range c.Ratios {
			at := len(columns) + 1
			if q.Packed {
				at++
			}
			row[at] = q.cell()
		}
		table = append(table, row)
	}
	rounds.Table(w, table)
	if disturbed {
		fmt.Fprintf(w, "\n* The median peak of these rounds was less than %.0f %% of the highest: "+
			"other programs held processors.\n", 100*calm)
	}
}

// order is that of the columns.
var order = []string{"spell", "spell packed", "oneDNN", "oneDNN packed", "OpenBLAS", "BLIS", "gonum"}

func (m *measured) cell() string {
	switch {
	case m.Wrong != "":
		return "wrong"
	case m.Lacks != "":
		return "lacks"
	case m.OfPeak == 0:
		return fmt.Sprintf("%.1f", m.Rate)
	}
	return fmt.Sprintf("%.1f %3.0f%%", m.Rate, 100*m.OfPeak)
}

func (q ratio) cell() string { return fmt.Sprintf("%.2f %s", q.Ratio, q.Peer) }

func (r *report) writeSummary(w io.Writer) {
	fmt.Fprint(w, "\nOurs / best peer of the same type and packing, over the shapes of a form\n\n")
	table := [][]string{{"", "geometric mean", "worst", "where"}}
	for _, s := range r.Summary {
		table = append(table, []string{
			fmt.Sprintf("%s, %s, %s", s.Type, rounds.Threads(s.Threads), title(s.Form, s.Packed)),
			fmt.Sprintf("%.2f", s.Geomean), s.Worst.cell(), s.Shape})
	}
	rounds.Table(w, table)
}
