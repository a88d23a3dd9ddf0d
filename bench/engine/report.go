package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"spell/bench/rounds"
)

// A report is everything that was measured.
type report struct {
	Machine string
	Rounds  int
	Notes   []string
	Groups  []group
}

// A group is the results of one model in one precision on so many threads.
type group struct {
	Model, Type       string
	Threads           int
	PeakFMA, PeakDots number // GFLOP/s, medians over rounds; NaN where the processor has none
	Read              number // GB/s
	Results           []result

	fma, dots, read []float64 // by round
}

// A result is a figure, medians over the rounds.
type result struct {
	Name        string
	Ours, Peer  number // tokens a second; the peer's NaN where it has none
	Ratio       number
	GFLOPS      number // ours
	GBS         number
	Share       number // of the peak or of the rate of memory
	BoundMemory bool   `json:"BoundByMemory"`
}

// A number is null in JSON where it is not one.
type number float64

// MarshalJSON is the number or null.
func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

func median(v []float64) number { return number(rounds.Median(v)) }

// column is entry i of every round, NaN where a round has none.
func column(list [][]float64, i int) []float64 {
	v := make([]float64, len(list))
	for r := range list {
		if v[r] = math.NaN(); i < len(list[r]) {
			v[r] = list[r][i]
		}
	}
	return v
}

// peaks keeps those of the rounds: multiply-adds in f32, bf16 pairs,
// reading. 0 is one there is not.
func (g *group) peaks(list [][]float64) {
	g.fma, g.dots, g.read = column(list, 0), column(list, 1), column(list, 2)
	for _, v := range [][]float64{g.fma, g.dots, g.read} {
		for i := range v {
			if v[i] == 0 {
				v[i] = math.NaN()
			}
		}
	}
	g.PeakFMA, g.PeakDots, g.Read = median(g.fma), median(g.dots), median(g.read)
}

// add appends the results of a measure.
func (g *group) add(m *measure, costs []cost, ours, theirs [][]float64) {
	peak := g.fma
	if g.Type == "bf16" && !math.IsNaN(float64(g.PeakDots)) {
		peak = rounds.Higher(g.fma, g.dots)
	}
	for i, f := range m.figures {
		our, their, c := column(ours, i), column(theirs, i), costs[i]
		ratio := median(rounds.Quotients(our, their))
		r := result{Name: f.name, Ours: median(our), Peer: median(their), Ratio: ratio, BoundMemory: f.memory}
		r.GFLOPS, r.GBS = r.Ours*number(c.flops/1e9), r.Ours*number(c.gigabytes)
		if f.memory {
			r.Share = median(rounds.Quotients(our, g.read)) * number(c.gigabytes)
		} else {
			r.Share = median(rounds.Quotients(our, peak)) * number(c.flops/1e9)
		}
		g.Results = append(g.Results, r)
	}
}

func (r *report) writeHeader(w io.Writer) {
	fmt.Fprintf(w, "Tokens a second, medians of %d rounds. %s.\n", r.Rounds, r.Machine)
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
}

// write prints the group as a table.
func (g *group) write(w io.Writer) {
	peaks := []string{fmt.Sprintf("f32 FMA %.0f GFLOP/s", g.PeakFMA)}
	if !math.IsNaN(float64(g.PeakDots)) {
		peaks = append(peaks, fmt.Sprintf("bf16 pairs %.0f", g.PeakDots))
	}
	fmt.Fprintf(w, "\n%s, %s, %s; peaks: %s, reading %.1f GB/s\n\n",
		g.Model, g.Type, rounds.Threads(g.Threads), strings.Join(peaks, ", "), g.Read)
	table := [][]string{{"", "spell", "llama.cpp", "ratio", "share of the bound"}}
	for _, r := range g.Results {
		share := fmt.Sprintf("%s %% of %s GFLOP/s", r.Share.cell(100, 0), (r.GFLOPS/r.Share).cell(1, 0))
		if r.BoundMemory {
			share = fmt.Sprintf("%s %% of %s GB/s", r.Share.cell(100, 0), (r.GBS/r.Share).cell(1, 1))
		}
		table = append(table, []string{r.Name, r.Ours.cell(1, 1), r.Peer.cell(1, 1), r.Ratio.cell(1, 2), share})
	}
	rounds.Table(w, table)
}

// cell is n in a table, scaled, with some decimals.
func (n number) cell(scale float64, decimals int) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf("%.*f", decimals, float64(n)*scale)
}
