package model

import (
	"fmt"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// A Loss turns what the head says of scored tokens into the derivatives of the minimised loss with
// respect to each log-probability and entropy. It sees no matrix; every objective, from next-token
// training to GRPO, is such a function. It is called for one batch of leaves after the other, and for
// the stems, with all scored tokens of their segments.
type Loss func(scored []forest.Scored, stats []Stat, dLogProb, dEntropy []float32)

// Step runs a forest forward, asks the loss for its derivatives and runs backward, adding to the
// gradients of the weights. It returns the statistics of the scored tokens.
func (d *Decoder) Step(f forest.Forest, loss Loss) ([]Stat, error) {
	if !d.W.Trained() {
		return nil, fmt.Errorf("the weights were loaded without gradients")
	}
	l, err := forest.Lay(f, d.room)
	if err != nil || len(l.Scored) == 0 {
		return nil, err
	}
	r := d.run(l)
	for i := range l.Groups {
		r.group(&l.Groups[i], loss)
	}
	return r.stats, nil
}

// A run is one forest in work.
type run struct {
	*Decoder
	l      *forest.Layout
	raw    []float64 // of each scored token what LogProb leaves
	stats  []Stat
	dl, de []float32
}

func (d *Decoder) run(l *forest.Layout) *run {
	n := len(l.Scored)
	return &run{Decoder: d, l: l, raw: make([]float64, 3*n), stats: make([]Stat, n), dl: make([]float32, n), de: make([]float32, n)}
}

// group scores the trees of a group and, with a loss, adds their gradients.
func (r *run) group(g *forest.Group, loss Loss) {
	defer r.arena.Release(r.arena.Mark())
	stems, batch := len(g.Stems.Ids), 0
	for i := range g.Leaves {
		batch = max(batch, len(g.Leaves[i].Ids))
	}
	s := r.newKeys(r.arena, stems, batch, loss != nil)
	var e embedGrad
	if loss != nil {
		if e = r.newEmbedGrad(r.arena, g); !e.rows.IsZero() {
			defer func() { r.B.ScatterAdd(r.W.Embed.Grad, e.rows, e.ids) }()
		}
	}
	p := r.newPass(r.arena, stems, rowsOn(&g.Stems))
	mark := r.arena.Mark()
	if stems > 0 {
		for l := 0; loss != nil && l < r.W.Layers; l++ {
			r.B.Zero(own(s.dk, l, 0, stems))
			r.B.Zero(own(s.dv, l, 0, stems))
		}
		r.forward(p, &g.Stems, s, 0)
		r.score(p, &g.Stems)
		if !r.keep {
			r.arena.Release(mark)
		}
	}
	for i := range g.Leaves {
		r.leaves(&g.Leaves[i], s, stems, e, loss)
	}
	if loss == nil || stems == 0 {
		return
	}
	r.ask(loss, &g.Stems)
	grad := newGrads(r.arena, &r.W.Config, r.W.Precision, stems)
	p.mark = r.arena.Mark()
	r.scoreGrad(p, &g.Stems, grad.dh)
	r.back(p, &g.Stems, s, 0, &grad, e, true)
}

// leaves runs one batch.
func (r *run) leaves(part *forest.Part, s keys, stems int, e embedGrad, loss Loss) {
	n := len(part.Ids)
	if n == 0 {
		if loss != nil {
			r.ask(loss, part)
		}
		return
	}
	defer r.arena.Release(r.arena.Mark())
	p := r.newPass(r.arena, n, rowsOn(part))
	var grad grads
	if loss != nil {
		grad = newGrads(r.arena, &r.W.Config, r.W.Precision, n)
	}
	r.forward(p, part, s, stems)
	r.score(p, part)
	if loss == nil {
		return
	}
	r.ask(loss, part)
	r.scoreGrad(p, part, grad.dh)
	r.back(p, part, s, stems, &grad, e, false)
}

// rowsOn is how many rows of a part go on in the last block.
func rowsOn(p *forest.Part) int {
	if p.Rows == nil {
		return len(p.Ids)
	}
	return len(p.Rows)
}

// ask calls the loss for the scored tokens that lie in a part.
func (r *run) ask(loss Loss, part *forest.Part) {
	n := len(part.Own)
	if n == 0 {
		return
	}
	scored, stats := make([]forest.Scored, n), make([]Stat, n)
	dl, de := make([]float32, n), make([]float32, n)
	for i, k := range part.Own {
		scored[i], stats[i] = r.l.Scored[k], r.stats[k]
	}
	loss(scored, stats, dl, de)
	for i, k := range part.Own {
		r.dl[k], r.de[k] = dl[i], de[i]
	}
}

// headRows is how many scored tokens the head takes at a time.
const headRows = 2048

// A head holds scored tokens.
type head struct {
	rows, targets        []int32
	invTemp, coef, coefE []float32
	x, xn                tensor.Mat // Act [m, hidden], gathered, normed
	stats                tensor.Mat // Acc [m, 3]
	dx, dxn              tensor.Mat // Acc [m, hidden]
}

func (d *Decoder) newHead(a *tensor.Arena, m int, train bool) *head {
	prec := d.W.Precision
	h := &head{x: a.New(prec.Act, m, d.W.Hidden), xn: a.New(prec.Act, m, d.W.Hidden), stats: a.New(prec.Acc, m, 3)}
	if train {
		h.dx, h.dxn = a.New(prec.Acc, m, d.W.Hidden), a.New(prec.Acc, m, d.W.Hidden)
	}
	return h
}

// heads calls do for the tokens that a part predicts, headRows at a time, with the head's input in place
// and their numbers.
func (r *run) heads(p *pass, part *forest.Part, train bool, do func(h *head, numbers []int32)) {
	for at := 0; at < len(part.Scored); at += headRows {
		numbers := part.Scored[at:min(at+headRows, len(part.Scored))]
		mark := r.arena.Mark()
		h := r.newHead(r.arena, len(numbers), train)
		h.rows = part.Heads[at : at+len(numbers)]
		for _, k := range numbers {
			s := &r.l.Scored[k]
			h.targets, h.invTemp = append(h.targets, s.Target), append(h.invTemp, s.InvTemp)
			h.coef, h.coefE = append(h.coef, r.dl[k]), append(h.coefE, r.de[k])
		}
		r.B.Gather(h.x, p.out, h.rows)
		r.B.RMSNorm(h.xn, h.x, r.W.Norm.W, r.W.NormEps)
		do(h, numbers)
		r.arena.Release(mark)
	}
}

// score fills in what the head says of the tokens that a part predicts.
func (r *run) score(p *pass, part *forest.Part) {
	r.heads(p, part, false, func(h *head, numbers []int32) {
		r.B.LogProb(h.stats, h.xn, r.W.Head.W, h.targets, h.invTemp)
		raw := make([]float64, 3*len(numbers))
		kernels.Download(r.B, raw, h.stats)
		for i, k := range numbers {
			copy(r.raw[3*k:], raw[3*i:3*i+3])
			r.stats[k] = Stat{LogProb: float32(raw[3*i]), Entropy: float32(raw[3*i+1])}
		}
	})
}

// scoreGrad is the way back: it sets the gradient of the last block's output.
func (r *run) scoreGrad(p *pass, part *forest.Part, dh tensor.Mat) {
	dh = dh.Slice(0, p.m)
	r.B.Zero(dh)
	r.heads(p, part, true, func(h *head, numbers []int32) {
		raw := make([]float64, 0, 3*len(numbers))
		for _, k := range numbers {
			raw = append(raw, r.raw[3*k:3*k+3]...)
		}
		kernels.Upload(r.B, h.stats, raw)
		r.B.LogProbGrad(h.dxn, r.W.Head.Grad, h.stats, h.xn, r.W.Head.W, h.targets, h.invTemp, h.coef, h.coefE)
		r.B.Zero(h.dx)
		r.B.RMSNormGrad(h.dx, r.W.Norm.Grad, h.dxn, h.x, r.W.Norm.W, r.W.NormEps)
		r.B.ScatterAdd(dh, h.dx, h.rows)
	})
}
