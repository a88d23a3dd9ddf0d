package model

import (
	"context"

	"spell/kernels"
	"spell/tensor"
)

// A Share asks where the attention of some tokens goes. The tokens and all keys that they see are in the cache
// already.
type Share struct {
	Ids, Pos []int32         // of each row: token and position
	Queries  []kernels.Query // as in Extend

	Slots  []int32 // cache rows of keys that are in a group
	Groups []int32 // of each of them its group, from 0
	N      int     // number of groups
}

// Shares returns, for each row, the part of its attention that goes to the keys of each group, the mean over
// all heads and layers: [rows][groups]. What lacks to 1 goes to keys that are in no group. There are no more
// rows than a pass has. It stops between two layers with ctx's error.
//
// Attention itself computes the parts, over values that mark the groups in place of the model's: the
// probabilities are never there as such, and the memory beside the cache is that of one layer's values.
func (c *Cache) Shares(ctx context.Context, s *Share) ([][]float64, error) {
	w, n := c.d.W, len(s.Ids)
	kernels.Check("Shares", n <= c.rows, "%d rows; the pass holds %d", n, c.rows)
	kernels.Check("Shares", len(s.Slots) == len(s.Groups), "%d keys of %d groups", len(s.Slots), len(s.Groups))
	slots := c.k[0].Rows
	scratch, err := c.d.B.Alloc("attention shares", tensor.Bytes(w.Act, slots, w.KVDim())+
		tensor.Bytes(w.Act, c.rows, w.KVDim())+(w.Layers+1)*tensor.Bytes(w.Act, n, w.QDim()))
	if err != nil {
		return nil, err
	}
	defer scratch.Free()
	m := &marking{c: c, s: s, out: scratch.New(w.Act, n, w.QDim()), marks: scratch.New(w.Act, slots, w.KVDim()),
		staging: scratch.New(w.Act, c.rows, w.KVDim())}
	for range w.Layers {
		m.q = append(m.q, scratch.New(w.Act, n, w.QDim()))
	}
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	shares := make([][]float64, n)
	for i := range shares {
		shares[i] = make([]float64, s.N)
	}
	for from := 0; from < s.N; from += w.HeadDim {
		if err := m.add(ctx, shares, from, min(from+w.HeadDim, s.N)); err != nil {
			return nil, err
		}
	}
	return shares, nil
}

// A marking is one call of Shares.
type marking struct {
	c       *Cache
	s       *Share
	q       []tensor.Mat // of each layer, Act [n, heads*dim], rotated
	out     tensor.Mat   // Act [n, heads*dim]
	marks   tensor.Mat   // Act [slots, kv dim], of each key 1 in the column of its group, in every head
	staging tensor.Mat   // Act [rows of a pass, kv dim]
}

// run reads the tokens again, up to the queries of the last layer, which it keeps as those of the others. It
// finds keys and values in the cache: computed again they would have the same bits.
func (m *marking) run(ctx context.Context) error {
	c, d, n := m.c, m.c.d, len(m.s.Ids)
	cs := c.carve(d.arena, n)
	d.B.RopeTable(cs, m.s.Pos, d.W.Rotary)
	d.embedForward(c.x[0], m.s.Ids)
	mark := d.arena.Mark()
	defer d.arena.Release(mark)
	for l := range d.W.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.arena.Release(mark)
		blk, t := &d.W.Blocks[l], c.block(d.arena, cs, l, n, n)
		t.x = c.x[l%2]
		d.projectForward(blk, &t)
		d.B.Copy(m.q[l], t.q)
		if d.last(l) {
			break
		}
		d.attendForward(blk, &t, c.k[l], c.v[l], d.W.attention(l, m.s.Queries))
		d.mlpForward(blk, &t)
		d.finishBlock(blk, &t, c.x[(l+1)%2])
	}
	return nil
}

// add adds the shares of groups [from, to), at most as many as a head has columns.
func (m *marking) add(ctx context.Context, shares [][]float64, from, to int) error {
	d, w := m.c.d, m.c.d.W
	m.mark(int32(from), int32(to))
	part := make([]float32, m.out.Len())
	for l := range w.Layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.B.Attend(m.out, tensor.Mat{}, m.q[l], m.c.k[l], m.marks, w.attention(l, m.s.Queries))
		kernels.Download(d.B, part, m.out)
		for at, p := range part {
			if i, g := at/w.QDim(), from+at%w.HeadDim; g < to {
				shares[i][g] += float64(p) / float64(w.Layers*w.Heads)
			}
		}
	}
	return nil
}

// mark marks the keys of groups [from, to), and no others.
func (m *marking) mark(from, to int32) {
	b, w := m.c.d.B, m.c.d.W
	b.Zero(m.marks)
	var slots []int32
	ones := make([]float32, m.staging.Len())
	write := func() {
		rows := m.staging.Slice(0, len(slots))
		kernels.Upload(b, rows, ones[:rows.Len()])
		b.Scatter(m.marks, rows, slots)
		clear(ones)
		slots = slots[:0]
	}
	for i, g := range m.s.Groups {
		if g < from || g >= to {
			continue
		}
		for h := range w.KVHeads {
			ones[len(slots)*w.KVDim()+h*w.HeadDim+int(g-from)] = 1
		}
		if slots = append(slots, m.s.Slots[i]); len(slots) == m.staging.Rows {
			write()
		}
	}
	if len(slots) > 0 {
		write()
	}
}
