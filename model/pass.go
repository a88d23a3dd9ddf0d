package model

import (
	"slices"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// keys are the keys and values of a group, stems first and then the leaves of the batch at work,
// and their gradients: a matrix a layer, or one for all where nothing is to stay.
type keys struct {
	k, v   []tensor.Mat // Act [stems+batch, kv dim]
	dk, dv []tensor.Mat // Acc
}

func (d *Decoder) newKeys(a *tensor.Arena, stems, batch int, train bool) keys {
	var s keys
	c, p := &d.W.Config, d.W.Precision
	many := func(n int, t tensor.DType) []tensor.Mat {
		list := make([]tensor.Mat, c.Layers)
		for l := range list {
			if list[l] = list[0]; l < n {
				list[l] = a.New(t, stems+batch, c.KVDim())
			}
		}
		return list
	}
	layers := c.Layers
	if stems == 0 {
		layers = 1
	}
	if train {
		s.dk, s.dv = many(layers, p.Acc), many(layers, p.Acc)
	}
	if d.keep {
		layers = c.Layers
	}
	s.k, s.v = many(layers, p.Act), many(layers, p.Act)
	return s
}

// own is the n rows of the part at work of each layer's matrix, from row base on.
func own(list []tensor.Mat, l, base, n int) tensor.Mat { return list[l].Slice(base, base+n) }

// A pass is the memory of a part's way through the blocks: n rows, of which m go on in the last.
type pass struct {
	n, m int
	cs   tensor.Mat   // Acc [n, dim], cosines and sines
	x    []tensor.Mat // Act [n, hidden], the input of each block
	out  tensor.Mat   // Act [m, hidden], the output of the last
	acts []acts       // of every block, where they are kept; else of the last alone
	mark int          // of the arena, before them
}

func (d *Decoder) newPass(a *tensor.Arena, n, m int) *pass {
	c, prec := &d.W.Config, d.W.Precision
	p := &pass{n: n, m: m, cs: a.New(prec.Acc, n, c.HeadDim)}
	for range c.Layers {
		p.x = append(p.x, a.New(prec.Act, n, c.Hidden))
	}
	p.out = a.New(prec.Act, m, c.Hidden)
	return p
}

// actsAtOnce carves what the blocks of a pass need at once, for a plan: keys and values aside.
func (d *Decoder) actsAtOnce(a *tensor.Arena, p *pass) {
	c, prec := &d.W.Config, d.W.Precision
	mark := a.Mark()
	for range c.Layers {
		newActs(a, c, prec, p.n, p.n, tensor.Mat{}, tensor.Mat{})
		if !d.keep {
			a.Release(mark)
		}
	}
	newActs(a, c, prec, p.n, max(p.m-1, 0), tensor.Mat{}, tensor.Mat{}) // with the rows that go on apart
}

// block carves the activations of block l of a part, whose first key is row base.
func (d *Decoder) block(p *pass, part *forest.Part, s keys, l, base int) acts {
	m := p.n
	last := l == d.W.Layers-1
	if last {
		m = p.m
	}
	t := newActs(d.arena, &d.W.Config, d.W.Precision, p.n, m, own(s.k, l, base, p.n), own(s.v, l, base, p.n))
	t.x, t.cs = p.x[l], p.cs
	if last {
		t.rows = part.Rows
	}
	return t
}

// forward runs a part through the blocks. The activations of the last block stay in the arena, those
// of the others where they are kept.
func (d *Decoder) forward(p *pass, part *forest.Part, s keys, base int) {
	d.B.RopeTable(p.cs, part.Pos, d.W.Rotary)
	d.B.Gather(p.x[0], d.W.Embed.W, part.Ids)
	p.mark = d.arena.Mark()
	p.acts = p.acts[:0]
	for l := range d.W.Blocks {
		t := d.block(p, part, s, l, base)
		d.blockForward(&d.W.Blocks[l], &t, s.k[l], s.v[l], d.attention(part, l))
		if l == d.W.Layers-1 {
			d.finish(&d.W.Blocks[l], &t, p.out)
		} else {
			d.finish(&d.W.Blocks[l], &t, p.x[l+1])
		}
		if l == d.W.Layers-1 || d.keep {
			p.acts = append(p.acts, t)
		} else {
			d.arena.Release(p.mark)
		}
	}
}

// attention is that of block l.
func (d *Decoder) attention(part *forest.Part, l int) *kernels.Attention {
	if l == d.W.Layers-1 {
		return d.W.attention(part.Ends)
	}
	return d.W.attention(part.Queries)
}

func (d *Decoder) blockForward(blk *Block, t *acts, k, v tensor.Mat, a *kernels.Attention) {
	d.project(blk, t)
	d.attend(blk, t, k, v, a)
	d.mlp(blk, t)
}

// back runs a part backward: g.dh, the gradient of the last block's output, becomes that of the
// first block's input and reaches the embedding, by way of e. Blocks whose activations are gone run forward again,
// as the last has to for stems. The gradients of stems' keys hold what the leaves have added; those of leaves begin
// with zero in each block, since without stems all blocks have one matrix.
func (d *Decoder) back(p *pass, part *forest.Part, s keys, base int, g *grads, e embedGrad, stems bool) {
	for l := d.W.Layers - 1; l >= 0; l-- {
		blk, a := &d.W.Blocks[l], d.attention(part, l)
		var t acts
		switch last := l == d.W.Layers-1; {
		case d.keep:
			t = p.acts[l]
		case last && !stems:
			t = p.acts[0]
		default:
			d.arena.Release(p.mark)
			t = d.block(p, part, s, l, base)
			d.blockForward(blk, &t, s.k[l], s.v[l], a)
		}
		kg := keyGrad{k: s.dk[l], v: s.dv[l], ownK: own(s.dk, l, base, p.n), ownV: own(s.dv, l, base, p.n)}
		if !stems {
			d.B.Zero(kg.ownK)
			d.B.Zero(kg.ownV)
		}
		d.backward(blk, &t, g, s.k[l], s.v[l], kg, a)
	}
	if e.rows.IsZero() {
		d.B.ScatterAdd(d.W.Embed.Grad, g.dh, part.Ids)
		return
	}
	at := make([]int32, len(part.Ids))
	for i, id := range part.Ids {
		n, _ := slices.BinarySearch(e.ids, id)
		at[i] = int32(n)
	}
	d.B.ScatterAdd(e.rows, g.dh, at)
}

// An embedGrad holds the gradient that the embedding gets from a group's input, where the head adds to
// the same matrix: the sums over batches of each would otherwise interleave.
type embedGrad struct {
	ids  []int32    // of the group, ascending
	rows tensor.Mat // Acc [len(ids), hidden]
}

func (d *Decoder) newEmbedGrad(a *tensor.Arena, g *forest.Group) (e embedGrad) {
	if d.W.Head != d.W.Embed {
		return e
	}
	e.ids = slices.Clone(g.Stems.Ids)
	for i := range g.Leaves {
		e.ids = append(e.ids, g.Leaves[i].Ids...)
	}
	slices.Sort(e.ids)
	e.ids = slices.Compact(e.ids)
	e.rows = a.New(d.W.Acc, len(e.ids), d.W.Hidden)
	d.B.Zero(e.rows)
	return e
}
