package kerneltest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// heads are the head counts and dimensions to try: every dimension in use and even ones that are no
// multiple of a vector, ratios of query to key-value heads from 1 to 16.
var heads = []kernels.Attention{
	{Heads: 1, KVHeads: 1, Dim: 8},
	{Heads: 16, KVHeads: 1, Dim: 16},
	{Heads: 6, KVHeads: 2, Dim: 32},
	{Heads: 4, KVHeads: 2, Dim: 40},
	{Heads: 7, KVHeads: 1, Dim: 64},
	{Heads: 5, KVHeads: 1, Dim: 80},
	{Heads: 4, KVHeads: 1, Dim: 96},
	{Heads: 2, KVHeads: 2, Dim: 128},
	{Heads: 3, KVHeads: 1, Dim: 192},
	{Heads: 2, KVHeads: 1, Dim: 256},
	{Heads: 3, KVHeads: 1, Dim: 2},
	{Heads: 2, KVHeads: 2, Dim: 6},
	{Heads: 4, KVHeads: 2, Dim: 18},
	{Heads: 3, KVHeads: 1, Dim: 44},
	{Heads: 2, KVHeads: 1, Dim: 110},
	{Heads: 2, KVHeads: 1, Dim: 254},
}

// A forest is query runs and their key spans.
type forest struct {
	name       string
	rows, keys int // of q and of k
	queries    []kernels.Query
}

func span(row, n int32) kernels.Span { return kernels.Span{Row: row, Len: n} }

func query(row, n int32, spans ...kernels.Span) kernels.Query {
	return kernels.Query{Row: row, Len: n, Spans: spans}
}

// forests: every row of q that no query names, and every row of k that no span names, is
// poison and must stay so.
var forests = []forest{
	{"nothing", 0, 0, nil},
	{"one token", 1, 1, []kernels.Query{query(0, 1, span(0, 1))}},
	{"one block", 33, 64, []kernels.Query{query(0, 33, span(0, 64))}},
	{"a block and a key", 33, 65, []kernels.Query{query(0, 33, span(0, 65))}},
	{"decode", 5, 210, []kernels.Query{ // one row a sequence, of several lengths
		query(0, 1, span(3, 130)), query(1, 1, span(133, 1)), query(2, 1, span(134, 63)),
		query(4, 1, span(0, 64), span(200, 10))}},
	{"group", 40, 70, []kernels.Query{ // a prompt, its answers, one of them empty and one a token
		query(0, 30, span(2, 30)), query(30, 4, span(2, 30), span(40, 4)), query(34, 0, span(2, 30), span(44, 0)),
		query(34, 1, span(2, 30), span(44, 1)), query(35, 5, span(2, 30), span(45, 5))}},
	{"ancestors", 60, 260, []kernels.Query{ // three generations, spans empty in between
		query(0, 9, span(0, 100), span(100, 9)), query(9, 17, span(0, 100), span(100, 9), span(150, 0), span(110, 17)),
		query(26, 3, span(0, 100), span(100, 9), span(110, 17), span(130, 3)),
		query(40, 20, span(0, 100), span(160, 67))}}, // its own 20 keys end a longer span
	{"children", 12, 400, children()},
	{"long", 21, 333, []kernels.Query{query(0, 21, span(0, 333))}},
	{"a run and a key", 3, 513, []kernels.Query{query(0, 3, span(0, 513))}},
	{"two runs and a key", 2, 1025, []kernels.Query{query(0, 2, span(0, 1025))}},
	{"runs of short blocks", 12, 900, []kernels.Query{query(0, 12, span(500, 64), span(0, 70), span(70, 1),
		span(80, 128), span(220, 0), span(220, 10), span(564, 300))}},
	{"runs of a prompt", 9, 1300, []kernels.Query{ // that ends within a block, within a run and with a run
		query(0, 1, span(0, 400), span(520, 1)), query(1, 2, span(0, 400), span(530, 70)),
		query(3, 1, span(0, 400), span(610, 40), span(660, 3)),
		query(4, 2, span(0, 512), span(520, 2)), query(6, 1, span(0, 512), span(530, 70)),
		query(7, 1, span(0, 512), span(610, 690)), query(8, 1, span(0, 512), span(610, 600))}},
	{"runs of a prompt in pages", 6, 1300, paged()},
}

// children returns a step of eight answers to one prompt, which lies in three spans, the last not
// full. Each answer has keys of its own, and one takes a few tokens at once.
func children() (list []kernels.Query) {
	row, key := int32(1), int32(190)
	for i, own := range []int32{1, 2, 64, 1, 7, 66, 3, 1} {
		n := int32(1)
		if i == 5 {
			n = 4
		}
		list = append(list, query(row, n, span(7, 64), span(120, 64), span(71, 37), span(key, own)))
		row, key = row+n, key+own
	}
	return list
}

// paged returns answers to a prompt that lies in pages of a block, the last not full, and so does each
// answer.
func paged() (list []kernels.Query) {
	var prompt []kernels.Span
	for i := range int32(kernels.RunBlocks + 2) {
		prompt = append(prompt, span(kernels.KeyBlock*(i*7%11), kernels.KeyBlock))
	}
	prompt = append(prompt, span(kernels.KeyBlock*11, 30))
	for i := range int32(3) {
		at := 800 + 150*i
		spans := append(slices.Clone(prompt), span(at+kernels.KeyBlock, kernels.KeyBlock), span(at, 7+i))
		list = append(list, query(2*i, 2, spans...))
	}
	return list
}

// An attentionCase holds the operands of one call.
type attentionCase struct {
	a                      kernels.Attention
	q, k, v, do            []float64
	rows, keys, qdim, kdim int
}

// newAttention draws operands, with poison where the forest, or the window, does not reach.
func newAttention(r *rand.Rand, h kernels.Attention, f forest) *attentionCase {
	h.Queries = f.queries
	h.Scale = 1 / math.Sqrt(float64(h.Dim))
	c := &attentionCase{a: h, rows: f.rows, keys: f.keys, qdim: h.Heads * h.Dim, kdim: h.KVHeads * h.Dim}
	c.q, c.do = normal(r, c.rows*c.qdim, 1.5), normal(r, c.rows*c.qdim, 1)
	c.k, c.v = normal(r, c.keys*c.kdim, 1), normal(r, c.keys*c.kdim, 1)
	queried, keyed := make([]bool, f.rows), make([]bool, f.keys)
	for _, q := range f.queries {
		var keys []int32
		for _, s := range q.Spans {
			for i := range s.Len {
				keys = append(keys, s.Row+i)
			}
		}
		for i := range q.Len {
			queried[q.Row+i] = true
			shown := len(keys) - int(q.Len-1-i)
			for _, k := range keys[h.Hidden(shown):shown] {
				keyed[k] = true
			}
		}
	}
	forget := func(data []float64, reached []bool, width int) {
		for i, ok := range reached {
			for j := i * width; j < (i+1)*width && !ok; j++ {
				data[j] = math.NaN()
			}
		}
	}
	forget(c.q, queried, c.qdim)
	forget(c.do, queried, c.qdim)
	forget(c.k, keyed, c.kdim)
	forget(c.v, keyed, c.kdim)
	return c
}

// forward returns the call of Attend with these queries in place of the forest's.
func (c *attentionCase) forward(ty types, name string, queries []kernels.Query) call {
	a := c.a
	a.Queries = queries
	return call{name: "Attend " + name, unit: ty.unit(),
		operands: []operand{
			out("o", ty.out, c.rows, c.qdim, ty.product(32), largest),
			out("lse", ty.acc, c.rows, a.Heads, 32, largest),
			in("q", ty.in, c.rows, c.qdim, c.q),
			in("k", ty.in, c.keys, c.kdim, c.k),
			in("v", ty.in, c.keys, c.kdim, c.v)},
		run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
			b.Attend(m[0], m[1], m[2], m[3], m[4], &a)
		}}
}

// backward returns the call of AttendGrad for the outputs o and lse of a forward pass.
func (c *attentionCase) backward(ty types, name string, queries []kernels.Query, o, lse []float64) call {
	a := c.a
	a.Queries = queries
	r := random(12, c.rows, c.keys)
	return call{name: "AttendGrad " + name, unit: ty.unit(),
		operands: []operand{
			out("dq", ty.out, c.rows, c.qdim, 2*ty.product(32), largest).atLeast(2),
			out("dk", ty.acc, c.keys, c.kdim, 2*ty.product(32), largest).atLeast(2).from(normal(r, c.keys*c.kdim, 0.1)),
			out("dv", ty.acc, c.keys, c.kdim, 2*ty.product(32), largest).from(normal(r, c.keys*c.kdim, 0.1)),
			in("do", ty.in, c.rows, c.qdim, c.do),
			in("o", ty.in, c.rows, c.qdim, o),
			in("lse", ty.acc, c.rows, a.Heads, lse),
			in("q", ty.in, c.rows, c.qdim, c.q),
			in("k", ty.in, c.keys, c.kdim, c.k),
			in("v", ty.in, c.keys, c.kdim, c.v)},
		run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
			b.AttendGrad(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], &a)
		}}
}

// attend tests Attend and AttendGrad against the oracle.
func (s *suite) attend(t *testing.T, ty types) {
	for i, h := range heads {
		for j, f := range forests {
			n := i + j + ty.turn()
			take := n%4 == 0 || ty.in != tensor.BF16 && f.rows*h.Dim*h.Heads <= 2000
			if s.quick {
				take = n%7 == 0
			}
			if !take {
				continue
			}
			if n/2%2 == 1 {
				h.Window = windows[(i+j)%len(windows)]
			}
			name := fmt.Sprintf("%d/%d heads of %d, window %d, %s", h.Heads, h.KVHeads, h.Dim, h.Window, f.name)
			c := newAttention(random(13, i, j), h, f)
			forward := c.forward(ty, name, f.queries)
			o := &forward.operands[0].bound // over many keys outputs are small beside what they are sums of
			o.units = max(o.units, math.Sqrt(2*float64(f.keys)))
			s.check(t, forward)
			without := forward
			without.name += " without lse"
			without.operands = append(slices.Clone(forward.operands[:1]), forward.operands[2:]...)
			without.run = func(b kernels.Backend, m []tensor.Mat, rows []int) {
				forward.run(b, []tensor.Mat{m[0], {}, m[1], m[2], m[3]}, rows)
			}
			if s.every == 1 {
				got := s.envs[len(s.envs)-1].exec(t, without, packed, nil)
				want := s.envs[0].exec(t, forward, packed, nil)
				if !bytes.Equal(got[0], want[0]) {
					t.Errorf("%s: o has other bits", without.name)
				}
			}
			given := s.oracle.exec(t, forward.inF64(false), packed, nil)
			s.check(t, c.backward(ty, name, f.queries, values(tensor.F64, given[0]), values(tensor.F64, given[1])))
		}
	}
}

// attendDeep tests a row of queries that sees 131,072 keys, and one that sees all but the last. The
// rounding errors of a chain of n additions grow like √n.
func (s *suite) attendDeep(t *testing.T, ty types) {
	if s.quick {
		return
	}
	const keys = 1 << 17
	deep := forest{"deep", 2, keys, []kernels.Query{query(0, 2, span(0, keys))}}
	c := newAttention(random(17), kernels.Attention{Heads: 2, KVHeads: 1, Dim: 8}, deep)
	forward := c.forward(ty, "over 131,072 keys", deep.queries)
	got, want := s.envs[0].exec(t, forward, packed, nil), s.oracle.exec(t, forward.inF64(false), packed, nil)
	for i := range forward.operands[:2] {
		o := &forward.operands[i]
		o.bound.units = max(o.bound.units, math.Sqrt(keys))
		compare(t, forward, *o, got[i], want[i], nil)
	}
	last := []kernels.Query{query(1, 1, span(0, keys))}
	alone := s.envs[len(s.envs)-1].exec(t, c.forward(ty, "the last row over 131,072 keys", last), packed, nil)
	sameRows(t, "Attend over 131,072 keys: o", last, alone[0], got[0], c.qdim*ty.out.Size())
}
