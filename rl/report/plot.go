package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// A Plot is curves over the steps of a run.
type Plot struct {
	Title  string
	Curves []Curve
}

// A Curve is a quantity by step.
type Curve struct {
	Name   string
	Points []Point
}

// A Point is a value at a step.
type Point struct{ Step, Value float64 }

// The plot's sizes, in units of its own.
const (
	plotWidth, plotHeight   = 420.0, 220.0
	leftMargin, rightMargin = 52.0, 10.0
	topMargin, bottomMargin = 10.0, 24.0
	innerWidth              = plotWidth - leftMargin - rightMargin
	innerHeight             = plotHeight - topMargin - bottomMargin
	marks                   = 4 // lines across a plot, about
	dotRadius               = 2.2
	wholeRange              = 0.05 // of the values' range, left free above and below
)

// colours are those of curves in order; legible on white and on black, and told apart by the colour-blind
// (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#8a5a44", "#777777"}

// SVG draws the plot.
func (p *Plot) SVG() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s by step">`, plotWidth, plotHeight,
		template.HTMLEscapeString(p.Title))
	low, high, first, last := p.bounds()
	x := func(step float64) float64 { return leftMargin + innerWidth*(step-first)/(last-first) }
	y := func(v float64) float64 { return topMargin + innerHeight*(high-v)/(high-low) }
	for _, v := range ticks(low, high) {
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.2f" y2="%.2f"/><text x="%g" y="%.2f" `+
			`text-anchor="end">%s</text>`, leftMargin, plotWidth-rightMargin, y(v), y(v), leftMargin-6, y(v)+4,
			number(v))
	}
	for _, v := range ticks(first, last) {
		if v == math.Trunc(v) {
			fmt.Fprintf(&b, `<text x="%.2f" y="%g" text-anchor="middle">%s</text>`, x(v), plotHeight-6, number(v))
		}
	}
	for i, c := range p.Curves {
		colour := p.Colour(i)
		var line strings.Builder
		for _, at := range c.Points {
			fmt.Fprintf(&line, "%.2f,%.2f ", x(at.Step), y(at.Value))
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.6" points="%s"/>`, colour, &line)
		for _, at := range c.Points {
			fmt.Fprintf(&b, `<circle cx="%.2f" cy="%.2f" r="%g" fill="%s"><title>%s, step %g: %s</title></circle>`,
				x(at.Step), y(at.Value), dotRadius, colour, template.HTMLEscapeString(c.Name), at.Step,
				number(at.Value))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// Colour returns that of a curve.
func (p *Plot) Colour(i int) string { return colours[i%len(colours)] }

// bounds returns the ranges of values and steps, neither of them empty.
func (p *Plot) bounds() (low, high, first, last float64) {
	low, high, first, last = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, c := range p.Curves {
		for _, at := range c.Points {
			low, high = min(low, at.Value), max(high, at.Value)
			first, last = min(first, at.Step), max(last, at.Step)
		}
	}
	if low == high {
		low, high = low-0.5, high+0.5
	}
	if first == last {
		first, last = first-1, last+1
	}
	free := wholeRange * (high - low)
	return low - free, high + free, first, last
}

// ticks returns round values between low and high.
func ticks(low, high float64) (list []float64) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/marks)))
	for _, times := range []float64{2, 2.5, 2} { // 2, 5 and 10
		if (high-low)/step > marks+1 {
			step *= times
		}
	}
	for i := math.Ceil(low / step); i*step <= high; i++ {
		list = append(list, i*step)
	}
	return list
}

// number writes a value in few characters.
func number(v float64) string {
	if v == 0 || math.Abs(v) < 1e-12 {
		return "0"
	}
	return fmt.Sprintf("%.4g", v)
}
