package cpu

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"spell/tensor"
)

// A refresh is a pack whose matrix is rows [from, to) of one that AdamW is about to write.
type refresh struct {
	*pack
	from, to int
}

// refreshes returns the packs that AdamW keeps fresh while it writes w, by rows, none of them in
// two: those that are fresh and in use. A pack that nothing has read since the last step is not
// worth its memory traffic: it becomes stale.
func (b *Backend) refreshes(w tensor.Mat) []refresh {
	s := b.state(w.Arena)
	s.touched(w.Arena)
	list := b.calls.refreshes[:0]
	for k, p := range s.packs {
		if from, ok := k.rowIn(w); ok && p.fresh && p.used {
			list = append(list, refresh{p, from, from + k.rows})
		}
	}
	slices.SortFunc(list, func(a, b refresh) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	n := 0
	for _, r := range list {
		if n == 0 || list[n-1].to <= r.from {
			list[n] = r
			n++
		}
	}
	b.calls.refreshes = list
	return list[:n]
}

// mustHold panics unless p holds the panels of w.
func (p *pack) mustHold(w tensor.Mat) {
	c := packCall{&pack{f: make([]float32, len(p.f)), layout: p.layout}, view("pack", w)}
	for i := range ceil(w.Rows, panelCols) {
		c.task(&worker{s: generic}, i)
	}
	const advice = "whoever changes parameters other than through the backend must call Arena.Touch"
	for i, v := range c.f {
		if math.Float32bits(v) == math.Float32bits(p.f[i]) {
			continue
		}
		step, col := i/panelCols, i%panelCols
		if p.layout == quads {
			step, col = i/(2*panelCols)*2, i%(2*panelCols)/2
		}
		n := p.layout.steps(w.Cols)
		panic(fmt.Sprintf("cpu: the packed copy of %v in arena %q is not the weights at row %d, column %d: %s",
			w, w.Arena.Name(), step/n*panelCols+col, step%n*w.Cols/n, advice))
	}
}
