package model

import (
	"context"
	"fmt"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// A Cache holds the keys and values of tokens already read, one row per token, and runs passes that
// extend it. It keeps those that a window hides, too: another answer to the same prompt may see
// them. The decode pass of one row is the training pass of ten thousand: the same block
// functions, which give a row the same bits whatever rows are beside it.
type Cache struct {
	d    *Decoder      // no limits: its arena is sized for the passes of this cache
	k, v []tensor.Mat  // per layer, Act [slots, kv dim]
	kv   *tensor.Arena // holds k and v

	rows      int           // the most a pass has
	x         [2]tensor.Mat // Act [n, hidden], input and output of a block in turn
	out       tensor.Mat    // Act [m, hidden], the latest pass's output for its live rows
	logitRows int           // the most that Sample takes at a time
	logits    *tensor.Arena
}

// NewCache maps keys and values for slots tokens, scratch for passes of up to rows rows, and
// logits for samples of up to logitRows rows at a time.
func NewCache(b kernels.Backend, w *Weights, slots, rows, logitRows int) (*Cache, error) {
	c := &Cache{d: &Decoder{B: b, W: w}, rows: rows, logitRows: logitRows}
	plan := tensor.PlanArena()
	cs := c.carve(plan, rows)
	mark := plan.Mark()
	for l := range w.Layers {
		c.block(plan, cs, l, rows, rows)
		w.carveTransient(plan, l, rows, rows)
		plan.Release(mark)
	}
	c.block(plan, cs, w.Layers-1, rows, max(rows-1, 0)) // with live rows apart
	w.carveTransient(plan, w.Layers-1, rows, max(rows-1, 0))
	c.gather(plan, logitRows)
	var err error
	if c.d.arena, err = b.Alloc("activations", plan.Peak()); err != nil {
		return nil, err
	}
	if c.logits, err = b.Alloc("logits", tensor.Bytes(w.Acc, logitRows, w.Vocab)); err != nil {
		c.Free()
		return nil, err
	}
	if c.kv, err = b.Alloc("key-value cache", 2*w.Layers*tensor.Bytes(w.Act, slots, w.KVDim())); err != nil {
		c.Free()
		return nil, err
	}
	for range w.Layers {
		c.k = append(c.k, c.kv.New(w.Act, slots, w.KVDim()))
		c.v = append(c.v, c.kv.New(w.Act, slots, w.KVDim()))
	}
	return c, nil
}

// Free unmaps the cache.
func (c *Cache) Free() {
	for _, a := range []*tensor.Arena{c.d.arena, c.logits, c.kv} {
		if a != nil {
			a.Free()
		}
	}
}

// carve lays out a pass of n rows: the outputs first, so that Sample finds them. It returns cosines
// and sines, Acc [n, dim].
func (c *Cache) carve(a *tensor.Arena, n int) (cs tensor.Mat) {
	w := c.d.W
	a.Release(0)
	c.x[0], c.x[1] = a.New(w.Act, n, w.Hidden), a.New(w.Act, n, w.Hidden)
	return a.New(w.Acc, n, w.HeadDim)
}

// block carves the activations of block l for n rows, of which m are live.
func (c *Cache) block(a *tensor.Arena, cs tensor.Mat, l, n, m int) activations {
	w := c.d.W
	k, v := a.New(w.Act, n, w.KVDim()), a.New(w.Act, n, w.KVDim())
	t := newActivations(a, &w.Config, w.Precision, l, n, m, m, k, v)
	t.lse, t.cs = tensor.Mat{}, cs
	return t
}

// Extend reads len(ids) tokens: row i is token ids[i] at position pos[i]; its key and value go to
// cache row slots[i]. The queries name rows of this pass and spans of cache rows, which may be
// written by this very pass. live lists the rows, ascending, that Sample may ask for: the last
// block computes only these past their keys and values.
//
// It stops between two layers with ctx's error; the keys and values at slots are then not usable.
func (c *Cache) Extend(ctx context.Context, ids, pos, slots []int32, queries []kernels.Query, live []int32) error {
	d := c.d
	kernels.Check("Extend", len(ids) <= c.rows, "%d rows; the pass holds %d", len(ids), c.rows)
	cs := c.carve(d.arena, len(ids))
	a := d.W.attention(0, queries)
	d.B.RopeTable(cs, pos, d.W.Rotary)
	d.embedForward(c.x[0], ids)
	mark := d.arena.Mark()
	defer d.arena.Release(mark)
	for l := range d.W.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		blk, y, rows := &d.W.Blocks[l], c.x[(l+1)%2], len(ids)
		d.arena.Release(mark)
		if d.last(l) && len(live) < rows {
			rows = len(live)
			a = d.W.attention(l, forest.SelectRows(queries, live))
		}
		a.Window = d.W.window(l)
		t := c.block(d.arena, cs, l, len(ids), rows)
		if rows < len(ids) {
			t.liveRows = live[:rows:rows]
		}
		t.x = c.x[l%2]
		d.projectForward(blk, &t)
		d.B.Scatter(c.k[l], t.k, slots)
		d.B.Scatter(c.v[l], t.v, slots)
		d.attendForward(blk, &t, c.k[l], c.v[l], a)
		d.mlpForward(blk, &t)
		c.out = y.Slice(0, rows)
		d.finishBlock(blk, &t, c.out)
	}
	return nil
}

// gather carves the head's input for m rows: gathered and normed, both Act [m, hidden].
func (c *Cache) gather(a *tensor.Arena, m int) (x, xn tensor.Mat) {
	w := c.d.W
	return a.New(w.Act, m, w.Hidden), a.New(w.Act, m, w.Hidden)
}

// Sample draws the token that follows each of the given rows of the latest pass. rows are indices
// into its live rows; one may be named more than once. It returns the ids and their
// log-probabilities.
func (c *Cache) Sample(rows []int32, how []kernels.Sampling) (ids []int32, logp []float32, err error) {
	d, w := c.d, c.d.W
	ids, logp = make([]int32, len(rows)), make([]float32, len(rows))
	for at := 0; at < len(rows); at += c.logitRows {
		to := min(at+c.logitRows, len(rows))
		mark := d.arena.Mark()
		x, xn := c.gather(d.arena, to-at)
		c.logits.Release(0)
		z := c.logits.New(w.Acc, to-at, w.Vocab)
		d.B.Gather(x, c.out, rows[at:to])
		d.B.RMSNorm(xn, x, w.Norm.W, w.NormEps)
		d.B.MatMul(z, xn, w.Head.W, tensor.Mat{}, false)
		d.B.Sample(ids[at:to], logp[at:to], z, how[at:to])
		d.arena.Release(mark)
	}
	for i, p := range logp {
		if p != p {
			return nil, nil, fmt.Errorf("the model's output is not a number (row %d): "+
				"its weights or activations overflow", i)
		}
	}
	return ids, logp, nil
}
