package model

import "spell/tensor"

// A mixture of experts is an MLP of which each row uses a few parts. Products run over rows in
// groups, one for each expert: a row of the block stands in as many groups as it has experts, k.
// The weight of an expert multiplies the input of its last product, so that its gradient needs no
// output.

// mixtureActivations are the activations of a mixture beside those that dense layers have, too.
// Matrices of m*k rows are in the order of the groups.
type mixtureActivations struct {
	logits  tensor.Mat // Acc [m, experts], of the router
	weights tensor.Mat // Acc [m, k], of the chosen experts
	scale   tensor.Mat // Acc [m*k, 1], the same
	groups  groups
}

func newMixtureActivations(a *tensor.Arena, c *Config, p Precision, m int) mixtureActivations {
	return mixtureActivations{logits: a.New(p.Acc, m, c.Experts), weights: a.New(p.Acc, m, c.TopK),
		scale: a.New(p.Acc, m*c.TopK, 1)}
}

// newExpertInput carves the rows that the experts read, Act [m*k, hidden], needed while they read
// them.
func newExpertInput(a *tensor.Arena, c *Config, p Precision, m int) tensor.Mat {
	return a.New(p.Act, m*c.TopK, c.Hidden)
}

// newExpertOutput carves what the experts give, Acc [m*k, hidden], needed until it is added up.
func newExpertOutput(a *tensor.Arena, c *Config, p Precision, m int) tensor.Mat {
	return a.New(p.Acc, m*c.TopK, c.Hidden)
}

// carveTransient carves the larger of the two matrices of experts that block l needs for a while
// off a, for n rows of which m are live, and has room for those of adapters.
func (w *Weights) carveTransient(a *tensor.Arena, l, n, m int) {
	w.planAdapters(a, n)
	if w.MoELayer(l) {
		newExpertOutput(a, &w.Config, w.Precision, m)
	}
}

// groups are the rows of a block in the order of their experts: row i as its r-th expert's has
// number i*k+r.
type groups struct {
	ids    []int32 // [m*k] the expert of each number
	number []int32 // [m*k] of each row in the order of the groups
	row    []int32 // [m*k] the row of the block it is
	place  []int32 // [m*k] where each number is in the order of the groups
	ends   []int32 // [experts] where each group ends
}

// groupByExpert sorts the rows of a block by expert, those of one expert ascending. It is what the
// host does of a mixture.
func groupByExpert(ids []int32, k, experts int) groups {
	g := groups{ids: ids, number: make([]int32, len(ids)), row: make([]int32, len(ids)),
		place: make([]int32, len(ids)), ends: make([]int32, experts)}
	for _, e := range ids {
		g.ends[e]++
	}
	next, at := make([]int32, experts), int32(0)
	for e, n := range g.ends {
		next[e] = at
		at += n
		g.ends[e] = at
	}
	for n, e := range ids {
		at := next[e]
		next[e]++
		g.number[at], g.row[at], g.place[n] = int32(n), int32(n/k), at
	}
	return g
}

// column views [m, k] as [m*k, 1].
func column(m tensor.Mat) tensor.Mat { return m.Reshape(m.Len(), 1) }

// expertsForward routes the rows of t.hn and computes t.mlpAct.
func (d *Decoder) expertsForward(blk *Block, t *activations) {
	b, c := d.B, &d.W.Config
	b.MatMul(t.logits, t.hn, blk.Router.W, tensor.Mat{}, false)
	ids := make([]int32, t.weights.Len())
	b.Route(ids, t.weights, t.logits, c.NormTopK)
	t.groups = groupByExpert(ids, c.TopK, c.Experts)
	mark := d.arena.Mark()
	in := newExpertInput(d.arena, c, d.W.Precision, t.hn.Rows)
	b.Gather(in, t.hn, t.groups.row)
	b.GroupMatMul(t.gate, in, blk.ExpertGate.W, t.groups.ends)
	b.GroupMatMul(t.up, in, blk.ExpertUp.W, t.groups.ends)
	d.arena.Release(mark)
	b.Gather(t.scale, column(t.weights), t.groups.number)
	b.ScaledSwiGLU(t.mlpAct, t.gate, t.up, t.scale)
}

// expertsOutput adds the outputs of each row's experts, summed in the order of their ranks, to
// t.sum.
func (d *Decoder) expertsOutput(blk *Block, t *activations) {
	mark := d.arena.Mark()
	out := newExpertOutput(d.arena, &d.W.Config, d.W.Precision, t.hn.Rows)
	d.B.GroupMatMul(out, t.mlpAct, blk.ExpertDown.W, t.groups.ends)
	d.B.GatherAdd(t.sum, out, t.groups.place)
	d.arena.Release(mark)
}

// mixtureGradients are the scratch gradients of a mixture. They have n*k or n rows; those of the m
// live rows come first.
type mixtureGradients struct {
	dExpertAct             tensor.Mat // Acc [m*k, expert ff], of mlpAct
	dExpertGate, dExpertUp tensor.Mat // Act [m*k, expert ff]
	expertRows             tensor.Mat // Act [m*k, hidden], rows of dh and later of hn
	dExpertIn              tensor.Mat // Acc [m*k, hidden]
	dScale                 tensor.Mat // Acc [m*k, 1]
	dWeights               tensor.Mat // Acc [m, k]
	dLogits                tensor.Mat // Act [m, experts]
}

func newMixtureGradients(a *tensor.Arena, c *Config, p Precision, n int) mixtureGradients {
	rows, ff := n*c.TopK, c.ExpertFF
	return mixtureGradients{
		dExpertAct:  a.New(p.Acc, rows, ff),
		dExpertGate: a.New(p.Act, rows, ff), dExpertUp: a.New(p.Act, rows, ff),
		expertRows: a.New(p.Act, rows, c.Hidden), dExpertIn: a.New(p.Acc, rows, c.Hidden),
		dScale: a.New(p.Acc, rows, 1), dWeights: a.New(p.Acc, n, c.TopK), dLogits: a.New(p.Act, n, c.Experts),
	}
}

// live returns g with the first m rows of what has n, and m*k of what has n*k.
func (g mixtureGradients) live(m int) mixtureGradients {
	k := g.dWeights.Cols
	for _, p := range []*tensor.Mat{&g.dExpertAct, &g.dExpertGate, &g.dExpertUp, &g.expertRows, &g.dExpertIn,
		&g.dScale} {
		*p = firstRows(*p, m*k)
	}
	g.dWeights, g.dLogits = firstRows(g.dWeights, m), firstRows(g.dLogits, m)
	return g
}

// expertsBackward sets g.dnLive, the gradient of t.hn, from g.dh, that of the block's output, and
// adds the gradients of the router and the experts.
func (d *Decoder) expertsBackward(blk *Block, t *activations, g *gradients) {
	b, ends := d.B, t.groups.ends
	b.Gather(g.expertRows, g.dh, t.groups.row)
	b.GroupMatMulGradX(g.dExpertAct, g.expertRows, blk.ExpertDown.W, ends, false)
	d.expertGradient(blk.ExpertDown, g.expertRows, t.mlpAct, ends)
	b.ScaledSwiGLUGrad(g.dExpertGate, g.dExpertUp, g.dScale, g.dExpertAct, t.gate, t.up, t.scale)
	b.GroupMatMulGradX(g.dExpertIn, g.dExpertGate, blk.ExpertGate.W, ends, false)
	b.GroupMatMulGradX(g.dExpertIn, g.dExpertUp, blk.ExpertUp.W, ends, true)
	b.Gather(g.expertRows, t.hn, t.groups.row)
	d.expertGradient(blk.ExpertGate, g.dExpertGate, g.expertRows, ends)
	d.expertGradient(blk.ExpertUp, g.dExpertUp, g.expertRows, ends)
	d.routerBackward(blk, t, g)
	b.GatherAdd(g.dnLive, g.dExpertIn, t.groups.place)
}

// expertGradient adds the gradient of the stacked matrices of experts, if they are trained.
func (d *Decoder) expertGradient(p *Param, dy, x tensor.Mat, ends []int32) {
	if !p.Grad.IsZero() {
		d.B.GroupMatMulGradW(p.Grad, dy, x, ends)
	}
}

// routerBackward sets g.dnLive to the part that t.hn gets by way of the router, from g.dScale.
func (d *Decoder) routerBackward(blk *Block, t *activations, g *gradients) {
	b := d.B
	b.Gather(column(g.dWeights), g.dScale, t.groups.place)
	b.RouteGrad(g.dLogits, g.dWeights, t.weights, t.logits, t.groups.ids, d.W.NormTopK)
	b.MatMulGradX(g.dnLive, g.dLogits, blk.Router.W, false)
	if !blk.Router.Grad.IsZero() {
		b.MatMulGradW(blk.Router.Grad, tensor.Mat{}, g.dLogits, t.hn)
	}
}
