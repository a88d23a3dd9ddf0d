package model

import (
	"context"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// bundleKV are the keys and values of a bundle and their gradients: those of the shared segments
// first, then those of the batch of branches at work. Each list has one matrix per layer, or a
// single one reused by every layer when nothing outlives the layer.
type bundleKV struct {
	k, v   []tensor.Mat // Act [shared+batch, kv dim]
	dk, dv []tensor.Mat // Acc [shared+batch, kv dim]; nil without training
}

func (d *Decoder) newBundleKV(a *tensor.Arena, shared, batch int, train bool) bundleKV {
	var kv bundleKV
	c, p := &d.W.Config, d.W.Precision
	list := func(n int, t tensor.DType) []tensor.Mat {
		list := make([]tensor.Mat, c.Layers)
		for l := range list {
			if list[l] = list[0]; l < n {
				list[l] = a.New(t, shared+batch, c.KVDim())
			}
		}
		return list
	}
	layers := c.Layers
	if shared == 0 {
		layers = 1
	}
	if train {
		kv.dk, kv.dv = list(layers, p.Acc), list(layers, p.Acc)
	}
	if d.keep {
		layers = c.Layers
	}
	kv.k, kv.v = list(layers, p.Act), list(layers, p.Act)
	return kv
}

// layerRows returns rows [base, base+n) of layer l's matrix: those of the current batch.
func layerRows(list []tensor.Mat, l, base, n int) tensor.Mat { return list[l].Slice(base, base+n) }

// A pass is the memory of one batch on its way through all blocks.
type pass struct {
	batch *forest.Batch
	base  int           // row of the batch's first key in the bundle
	rows  int           // of the batch, n
	live  int           // rows that the last block computes past K and V, m
	cs    tensor.Mat    // Acc [n, dim], cosines and sines of the positions
	x     []tensor.Mat  // Act [n, hidden], the input of each block
	out   tensor.Mat    // Act [m, hidden], the output of the last block
	acts  []activations // of every block if they are kept, else of the last alone
	mark  int           // of the arena, before acts
}

// newPass carves the block inputs of a pass of rows rows, of which live are live, off a.
func (d *Decoder) newPass(a *tensor.Arena, rows, live int) *pass {
	c, prec := &d.W.Config, d.W.Precision
	p := &pass{rows: rows, live: live, cs: a.New(prec.Acc, rows, c.HeadDim)}
	for range c.Layers {
		p.x = append(p.x, a.New(prec.Act, rows, c.Hidden))
	}
	p.out = a.New(prec.Act, live, c.Hidden)
	return p
}

// newBatchPass is newPass for a batch whose first key is row base of the bundle's.
func (d *Decoder) newBatchPass(a *tensor.Arena, batch *forest.Batch, base int) *pass {
	p := d.newPass(a, len(batch.Ids), liveRows(batch))
	p.batch, p.base = batch, base
	return p
}

// liveRows counts the rows of a batch that the last block computes past K and V.
func liveRows(b *forest.Batch) int {
	if b.LiveRows == nil {
		return len(b.Ids)
	}
	return len(b.LiveRows)
}

// last reports whether l is the last block.
func (d *Decoder) last(l int) bool { return l == d.W.Layers-1 }

// activations carves the activations of block l of a pass off the decoder's arena.
func (d *Decoder) activations(p *pass, kv bundleKV, l int) activations {
	m := p.rows
	if d.last(l) {
		m = p.live
	}
	t := newActivations(d.arena, &d.W.Config, d.W.Precision, l, p.rows, m, d.mlpRows(m),
		layerRows(kv.k, l, p.base, p.rows), layerRows(kv.v, l, p.base, p.rows))
	t.x, t.cs = p.x[l], p.cs
	if d.last(l) {
		t.liveRows = p.batch.LiveRows
	}
	return t
}

// queries describes the attention of block l.
func (d *Decoder) queries(p *pass, l int) *kernels.Attention {
	if d.last(l) {
		return d.W.attention(l, p.batch.LastQueries)
	}
	return d.W.attention(l, p.batch.Queries)
}

// forwardBatch runs a batch through the blocks, from its tokens to p.out. The activations of the
// last block stay in the arena, those of the others if they are kept. It returns ctx's error as
// soon as it sees one between two blocks.
func (d *Decoder) forwardBatch(ctx context.Context, p *pass, kv bundleKV) error {
	d.B.RopeTable(p.cs, p.batch.Pos, d.W.Rotary)
	d.embedForward(p.x[0], p.batch.Ids)
	p.mark = d.arena.Mark()
	p.acts = p.acts[:0]
	for l := range d.W.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		blk, out := &d.W.Blocks[l], p.out
		if !d.last(l) {
			out = p.x[l+1]
		}
		t := d.activations(p, kv, l)
		d.forwardBlock(blk, &t, kv.k[l], kv.v[l], d.queries(p, l))
		d.finishBlock(blk, &t, out)
		if d.count {
			d.experts.add(l, d.W.Layers, t.groups.ends)
		}
		if d.last(l) || d.keep {
			p.acts = append(p.acts, t)
		} else {
			d.arena.Release(p.mark)
		}
	}
	return nil
}

// backwardBatch runs a batch backward: g.dh, the gradient of p.out, becomes that of the first
// block's input and reaches the embedding, by way of e. Blocks whose activations are gone run
// forward again; for shared segments the last block is one of them, since the branches came
// between.
//
// The gradients of shared keys hold what the branches have added. Those of branches begin with zero
// in each block, since without shared segments all blocks have one matrix. It returns ctx's error
// as soon as it sees one between two blocks.
func (d *Decoder) backwardBatch(ctx context.Context, p *pass, kv bundleKV, g *gradients, e embedGradient,
	shared bool) error {
	for l := d.W.Layers - 1; l >= 0; l-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		blk, queries := &d.W.Blocks[l], d.queries(p, l)
		var t activations
		switch {
		case d.keep:
			t = p.acts[l]
		case d.last(l) && !shared:
			t = p.acts[0]
		default:
			d.arena.Release(p.mark)
			t = d.activations(p, kv, l)
			d.forwardBlock(blk, &t, kv.k[l], kv.v[l], queries)
		}
		dkv := kvGradients{dk: kv.dk[l], dv: kv.dv[l],
			dkBatch: layerRows(kv.dk, l, p.base, p.rows), dvBatch: layerRows(kv.dv, l, p.base, p.rows)}
		if !shared {
			d.B.Zero(dkv.dkBatch)
			d.B.Zero(dkv.dvBatch)
		}
		d.backwardBlock(blk, &t, g, kv.k[l], kv.v[l], dkv, queries)
	}
	d.embedBackward(g.dh, p.batch.Ids, e)
	return nil
}
