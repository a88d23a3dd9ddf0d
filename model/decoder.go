package model

import (
	"fmt"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// A Decoder runs forward and backward passes over laid-out forests. Its scratch memory is
// sized once, for the largest forest it was opened for.
type Decoder struct {
	B kernels.Backend
	W *Weights

	rows, scored int  // capacity
	keep         bool // every block keeps its activations; else only its input
	arena        *tensor.Arena
}

// A Stat is what the head says of one scored token: its log-probability and the entropy of
// its distribution, both at the token's temperature, in nats.
type Stat struct{ LogProb, Entropy float32 }

// NewDecoder maps scratch for forests of up to rows tokens with up to scored scored tokens.
// Training is forward and backward; keep stores every activation on the way forward instead
// of computing blocks again on the way back, the same bits for more memory.
func NewDecoder(b kernels.Backend, w *Weights, rows, scored int, train, keep bool) (*Decoder, error) {
	d := &Decoder{B: b, W: w, rows: rows, scored: scored, keep: keep && train}
	var err error
	if d.arena, err = b.Alloc("activations", d.plan(train)); err != nil {
		return nil, err
	}
	return d, nil
}

// plan is the number of bytes of a pass: the allocation itself, run on an arena without memory.
func (d *Decoder) plan(train bool) int {
	a := tensor.NewArena("plan", 1<<60, nil, 0, nil)
	d.carve(a, d.rows)
	if train {
		newGrads(a, &d.W.Config, d.W.Precision, d.rows)
	}
	d.head(a, d.scored, train)
	return a.Peak()
}

// KeepBytes is the scratch of a training decoder that keeps every activation.
func KeepBytes(w *Weights, rows, scored int) int {
	return (&Decoder{W: w, rows: rows, scored: scored, keep: true}).plan(true)
}

// Free unmaps the scratch.
func (d *Decoder) Free() error { return d.arena.Free() }

// Bytes is the size of the scratch.
func (d *Decoder) Bytes() int { return d.arena.Size() }

// A pass is the memory of one forward pass over n rows.
type pass struct {
	n    int
	cs   tensor.Mat   // Acc [n, dim], cosines and sines
	x    []tensor.Mat // Act [n, hidden], the input of each block, then the output of the last
	acts []acts       // one, or one a block where they are kept
	tmp  tensor.Mat   // Acc [n, hidden]
}

func (d *Decoder) carve(a *tensor.Arena, n int) *pass {
	c, prec := &d.W.Config, d.W.Precision
	p := &pass{n: n, cs: a.New(prec.Acc, n, c.HeadDim), tmp: a.New(prec.Acc, n, c.Hidden)}
	for range c.Layers + 1 {
		p.x = append(p.x, a.New(prec.Act, n, c.Hidden))
	}
	sets := 1
	if d.keep {
		sets = c.Layers
	}
	for range sets {
		p.acts = append(p.acts, newActs(a, c, prec, n))
	}
	return p
}

// block is the activations of block l, with its input in place.
func (p *pass) block(l int) *acts {
	t := &p.acts[min(l, len(p.acts)-1)]
	t.x = p.x[l]
	return t
}

// forward runs the blocks over a layout.
func (d *Decoder) forward(p *pass, l *forest.Layout) *kernels.Attention {
	a := d.W.attention(l.Queries)
	d.B.RopeTable(p.cs, l.Pos, d.W.Rotary)
	d.B.Gather(p.x[0], d.W.Embed.W, l.Ids)
	for i := range d.W.Blocks {
		t := p.block(i)
		d.blockForward(&d.W.Blocks[i], t, p.cs, a)
		d.finish(&d.W.Blocks[i], t, p.x[i+1], p.tmp)
	}
	return a
}

func (d *Decoder) blockForward(blk *Block, t *acts, cs tensor.Mat, a *kernels.Attention) {
	d.project(blk, t, cs)
	d.attend(blk, t, t.k, t.v, a)
	d.mlp(blk, t)
}

// A head holds the rows that are scored.
type head struct {
	rows, targets []int32
	invTemp       []float32
	x, xn         tensor.Mat // Act [m, hidden], gathered, normed
	stats         tensor.Mat // Acc [m, 3]
	dx, dxn       tensor.Mat // Acc [m, hidden]
}

func (d *Decoder) head(a *tensor.Arena, m int, train bool) *head {
	prec := d.W.Precision
	h := &head{x: a.New(prec.Act, m, d.W.Hidden), xn: a.New(prec.Act, m, d.W.Hidden), stats: a.New(prec.Acc, m, 3)}
	if train {
		h.dx, h.dxn = a.New(prec.Acc, m, d.W.Hidden), a.New(prec.Acc, m, d.W.Hidden)
	}
	return h
}

// score fills h from the last block's output and returns what the head says.
func (d *Decoder) score(p *pass, h *head, scored []forest.Scored) []Stat {
	m := len(scored)
	h.rows, h.targets, h.invTemp = make([]int32, m), make([]int32, m), make([]float32, m)
	for i, s := range scored {
		h.rows[i], h.targets[i], h.invTemp[i] = s.Row, s.Target, s.InvTemp
	}
	d.B.Gather(h.x, p.x[len(p.x)-1], h.rows)
	d.B.RMSNorm(h.xn, h.x, d.W.Norm.W, d.W.NormEps)
	d.B.LogProb(h.stats, h.xn, d.W.Head.W, h.targets, h.invTemp)
	raw := make([]float32, 3*m)
	kernels.Download(d.B, raw, h.stats)
	out := make([]Stat, m)
	for i := range out {
		out[i] = Stat{LogProb: raw[3*i], Entropy: raw[3*i+1]}
	}
	return out
}

func (d *Decoder) check(l *forest.Layout) error {
	if len(l.Ids) > d.rows || len(l.Scored) > d.scored {
		return fmt.Errorf("a forest of %d tokens (%d scored) does not fit a pass of %d (%d)", len(l.Ids), len(l.Scored), d.rows, d.scored)
	}
	return nil
}

// Score computes the statistics of the scored tokens of a layout, in its order.
func (d *Decoder) Score(l *forest.Layout) ([]Stat, error) {
	if err := d.check(l); err != nil || len(l.Scored) == 0 {
		return nil, err
	}
	defer d.arena.Release(d.arena.Mark())
	p := d.carve(d.arena, len(l.Ids))
	d.forward(p, l)
	return d.score(p, d.head(d.arena, len(l.Scored), false), l.Scored), nil
}

// Argmax computes, for every row of a layout, the most likely next token.
func (d *Decoder) Argmax(l *forest.Layout) ([]int32, error) {
	if err := d.check(l); err != nil || len(l.Ids) == 0 {
		return nil, err
	}
	defer d.arena.Release(d.arena.Mark())
	p := d.carve(d.arena, len(l.Ids))
	d.forward(p, l)
	logits, err := d.B.Alloc("logits", tensor.Bytes(d.W.Acc, 1, d.W.Vocab))
	if err != nil {
		return nil, err
	}
	defer logits.Free()
	z := logits.New(d.W.Acc, 1, d.W.Vocab)
	ids, logp, greedy := make([]int32, len(l.Ids)), make([]float32, 1), make([]kernels.Sampling, 1)
	d.B.RMSNorm(p.x[0], p.x[len(p.x)-1], d.W.Norm.W, d.W.NormEps)
	for i := range ids {
		d.B.MatMul(z, p.x[0].Slice(i, i+1), d.W.Head.W, tensor.Mat{}, false)
		d.B.Sample(ids[i:i+1], logp, z, greedy)
	}
	return ids, nil
}

// A Loss turns what the head says of the scored tokens of a layout into the derivatives of the
// minimised loss with respect to each log-probability and entropy. It sees no matrix; every
// objective, from next-token training to GRPO, is such a function.
type Loss func(scored []forest.Scored, stats []Stat, dLogProb, dEntropy []float32)

// Step runs the layout forward, asks the loss for its derivatives and runs backward, adding to
// the gradients of the weights. It returns the statistics of the scored tokens.
func (d *Decoder) Step(l *forest.Layout, loss Loss) ([]Stat, error) {
	if err := d.check(l); err != nil || len(l.Scored) == 0 {
		return nil, err
	}
	if !d.W.Trained() {
		return nil, fmt.Errorf("the weights were loaded without gradients")
	}
	defer d.arena.Release(d.arena.Mark())
	n, m := len(l.Ids), len(l.Scored)
	p := d.carve(d.arena, n)
	g := newGrads(d.arena, &d.W.Config, d.W.Precision, n)
	h := d.head(d.arena, m, true)

	a := d.forward(p, l)
	stats := d.score(p, h, l.Scored)
	dl, de := make([]float32, m), make([]float32, m)
	loss(l.Scored, stats, dl, de)

	b := d.B
	b.LogProbGrad(h.dxn, d.W.Head.Grad, h.stats, h.xn, d.W.Head.W, h.targets, h.invTemp, dl, de)
	b.Zero(h.dx)
	b.RMSNormGrad(h.dx, d.W.Norm.Grad, h.dxn, h.x, d.W.Norm.W, d.W.NormEps)
	b.Zero(g.dh)
	b.ScatterAdd(g.dh, h.dx, h.rows)
	for i := len(d.W.Blocks) - 1; i >= 0; i-- {
		t := p.block(i)
		if !d.keep && i < len(d.W.Blocks)-1 { // the last block's are still there
			d.blockForward(&d.W.Blocks[i], t, p.cs, a)
		}
		d.backward(&d.W.Blocks[i], t, &g, p.cs, a)
	}
	b.ScatterAdd(d.W.Embed.Grad, g.dh, l.Ids)
	return stats, nil
}
