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
			s.check(t, forward)
			without := forward
			without.name += " without lse"
			without.operands = append(slices.Clone(forward.operands[:1]), forward.operands[2:]...)
			without.run = func(b kernels.Backend, m []tensor.Mat, rows []int) {
				forward.run(b, []tensor.Mat{m[0], {}, m[1], m[2], m[3]}, rows)
			}
			if got, want := s.envs[len(s.envs)-1].exec(t, without, packed, nil),
				s.envs[0].exec(t, forward, packed, nil); !bytes.Equal(got[0], want[0]) {
				t.Errorf("%s: o has other bits", without.name)
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

// attendBits tests what must not change a bit of Attend and AttendGrad: keys in pages, queries
// in chunks, alone, or in another order.
func (s *suite) attendBits(t *testing.T, ty types) {
	for i, h := range heads {
		n := i + ty.turn()
		if s.quick && n%len(heads) != 0 || n%3 != 0 && (ty.in == tensor.BF16 || h.Dim*h.Heads > 200) {
			continue
		}
		for _, h.Window = range []int32{0, windows[n%len(windows)]} {
			s.pages(t, ty, h)
			s.chunks(t, ty, h)
			s.alone(t, ty, h)
		}
		s.wideWindow(t, ty, h)
	}
}

// pages lays a sequence out in one span and in pages of KeyBlock and of twice that, scattered
// over the cache.
func (s *suite) pages(t *testing.T, ty types, h kernels.Attention) {
	const rows, keys = 20, 3*kernels.KeyBlock + 17
	long := forest{"one span", rows, 5 * kernels.KeyBlock, []kernels.Query{query(0, rows, span(0, keys))}}
	c := newAttention(random(14, h.Dim), h, long)
	want := s.envs[0].exec(t, c.forward(ty, "", long.queries), packed, nil)
	o, lse := values(ty.out, want[0]), values(ty.acc, want[1])
	whole := c.backward(ty, "", long.queries, o, lse)
	wantGrad := s.envs[0].exec(t, whole, packed, nil)
	for _, layout := range [][]kernels.Span{
		{span(256, 64), span(0, 64), span(192, 64), span(64, 17)},
		{span(128, 64), span(0, 128), span(300, 17)},
		{span(128, 128), span(64, 64), span(33, 0), span(0, 17)},
	} {
		d := *c
		d.k, d.v = make([]float64, len(c.k)), make([]float64, len(c.v))
		for i := range d.k {
			d.k[i], d.v[i] = math.NaN(), math.NaN()
		}
		at := 0
		var home []int // the page row of each key
		for _, p := range layout {
			n := int(p.Len) * d.kdim
			copy(d.k[int(p.Row)*d.kdim:], c.k[at:at+n])
			copy(d.v[int(p.Row)*d.kdim:], c.v[at:at+n])
			at += n
			for i := range p.Len {
				home = append(home, int(p.Row+i))
			}
		}
		queries := []kernels.Query{query(0, rows, layout...)}
		name := fmt.Sprintf("dim %d, window %d, in pages %v", h.Dim, h.Window, layout)
		e := s.envs[len(layout)%len(s.envs)]
		got := e.exec(t, d.forward(ty, name, queries), packed, nil)
		if !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
			t.Errorf("Attend %s: other bits than in one span", name)
		}
		grad := d.backward(ty, name, queries, o, lse)
		for i := 1; i <= 2; i++ { // what dk and dv hold before moves with the pages
			for key, row := range home {
				copy(grad.operands[i].data[row*d.kdim:(row+1)*d.kdim], whole.operands[i].data[key*d.kdim:])
			}
		}
		gotGrad := e.exec(t, grad, packed, nil)
		equal := bytes.Equal(gotGrad[0], wantGrad[0])
		width := d.kdim * ty.acc.Size()
		for i := 1; i <= 2; i++ {
			for key, row := range home {
				equal = equal && bytes.Equal(gotGrad[i][row*width:(row+1)*width], wantGrad[i][key*width:(key+1)*width])
			}
		}
		if !equal {
			t.Errorf("AttendGrad %s: other bits than in one span", name)
		}
	}
}

// chunks prefills a sequence whole, in chunks, and token by token at its end; keys that a chunk
// does not see yet, or no more, are poison.
func (s *suite) chunks(t *testing.T, ty types, h kernels.Attention) {
	const n, prefix = 140, 10
	whole := forest{"whole", n, prefix + n, []kernels.Query{query(0, n, span(0, prefix), span(prefix, n))}}
	c := newAttention(random(15, h.Dim), h, whole)
	want := s.envs[0].exec(t, c.forward(ty, "whole", whole.queries), packed, nil)
	for i, cuts := range [][]int32{{7, 64, 65, n}, {64, 128, n}, {100, n - 2, n - 1, n}} {
		from := int32(0)
		for _, to := range cuts {
			d := *c
			d.k, d.v = slices.Clone(c.k), slices.Clone(c.v)
			seen := h.Hidden(prefix + int(from) + 1)
			for j := range d.k {
				if key := j / d.kdim; key < seen || key >= int(prefix+to) {
					d.k[j], d.v[j] = math.NaN(), math.NaN()
				}
			}
			q := []kernels.Query{query(from, to-from, span(0, prefix), span(prefix, to))}
			got := s.envs[i%len(s.envs)].exec(t, d.forward(ty, fmt.Sprintf("chunk [%d, %d)", from, to), q), packed, nil)
			for k, width := range []int{d.qdim * ty.out.Size(), h.Heads * ty.acc.Size()} {
				if !bytes.Equal(got[k][int(from)*width:int(to)*width], want[k][int(from)*width:int(to)*width]) {
					t.Errorf("Attend dim %d, window %d, chunk [%d, %d): other bits than as part of the whole", h.Dim,
						h.Window, from, to)
				}
			}
			from = to
		}
	}
}

// alone runs each query of the forests by itself, and all in reverse.
func (s *suite) alone(t *testing.T, ty types, h kernels.Attention) {
	for i, f := range forests {
		if len(f.queries) < 2 {
			continue
		}
		c := newAttention(random(16, i, h.Dim), h, f)
		forward := s.envs[0].exec(t, c.forward(ty, f.name, f.queries), packed, nil)
		grad := c.backward(ty, f.name, f.queries, values(ty.out, forward[0]), values(ty.acc, forward[1]))
		backward := s.envs[0].exec(t, grad, packed, nil)
		reversed := slices.Clone(f.queries)
		slices.Reverse(reversed)
		sets := [][]kernels.Query{reversed}
		for _, q := range f.queries {
			sets = append(sets, []kernels.Query{q})
		}
		for n, queries := range sets {
			e := s.envs[n%len(s.envs)]
			name := fmt.Sprintf("dim %d, window %d, %s, queries %v", h.Dim, h.Window, f.name, queries)
			got := e.exec(t, c.forward(ty, name, queries), packed, nil)
			sameRows(t, "Attend "+name+": o", queries, got[0], forward[0], c.qdim*ty.out.Size())
			sameRows(t, "Attend "+name+": lse", queries, got[1], forward[1], h.Heads*ty.acc.Size())
			some := grad
			a := c.a
			a.Queries = queries
			some.run = func(b kernels.Backend, m []tensor.Mat, _ []int) {
				b.AttendGrad(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], &a)
			}
			sameRows(t, "AttendGrad "+name+": dq", queries, e.exec(t, some, packed, nil)[0], backward[0],
				c.qdim*ty.out.Size())
		}
	}
}

// sameRows requires equal bits on the rows of the queries.
func sameRows(t *testing.T, what string, queries []kernels.Query, got, want []byte, width int) {
	t.Helper()
	for _, q := range queries {
		from, to := int(q.Row)*width, int(q.Row+q.Len)*width
		if !bytes.Equal(got[from:to], want[from:to]) {
			t.Errorf("%s has other bits than among all queries, rows [%d, +%d)", what, q.Row, q.Len)
			return
		}
	}
}
