package kerneltest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// windows are the windows to try: a row's own key, less and more than a block, a block, a block and
// a key, more than most queries have, and a run and a key.
var windows = []int32{1, 5, 37, kernels.KeyBlock, kernels.KeyBlock + 1, 100, 3 * kernels.KeyBlock,
	kernels.RunBlocks*kernels.KeyBlock + 1}

// wideWindow requires the bits of no window from windows that hide nothing.
func (s *suite) wideWindow(t *testing.T, ty types, h kernels.Attention) {
	for i, f := range forests {
		most := 0
		for _, q := range f.queries {
			most = max(most, q.Keys())
		}
		if most == 0 || i%2 == 1 {
			continue
		}
		h.Window = 0
		c := newAttention(random(37, i, h.Dim), h, f)
		o, lse, grads := s.bothWays(t, s.envs[0], c, ty, f)
		for n, window := range []int{most, most + 1, 1<<31 - 1} {
			c.a.Window = int32(window)
			e := s.envs[n%len(s.envs)]
			wo, wlse, wgrads := s.bothWays(t, e, c, ty, f)
			if !bytes.Equal(wo, o) || !bytes.Equal(wlse, lse) || !slices.EqualFunc(wgrads, grads, bytes.Equal) {
				t.Errorf("dim %d, %s, %s: a window of %d, which hides nothing, changed bits", h.Dim, f.name, e.name,
					window)
			}
		}
	}
}

// bothWays runs Attend and AttendGrad with what it left, and returns o, lse and dq, dk and dv.
func (s *suite) bothWays(t *testing.T, e *env, c *attentionCase, ty types, f forest) (o, lse []byte, grads [][]byte) {
	t.Helper()
	left := e.exec(t, c.forward(ty, f.name, f.queries), packed, nil)
	back := c.backward(ty, f.name, f.queries, values(ty.out, left[0]), values(ty.acc, left[1]))
	return left[0], left[1], e.exec(t, back, packed, nil)[:3]
}

// attendRandom tests random trees of queries in random pages, under random windows: against the
// oracle, and each row against itself alone, without the spans and keys after its own.
func (s *suite) attendRandom(t *testing.T, ty types) {
	if s.every > 1 {
		return
	}
	n := 24
	if s.quick {
		n = 2
	}
	for i := range n {
		r := random(38, i, ty.turn())
		h := heads[r.IntN(len(heads))]
		if h.Dim*h.Heads > 200 && i%4 > 0 {
			h = heads[0]
		}
		if i%4 > 0 {
			h.Window = int32(1 + r.IntN([]int{200, 700}[i%2]))
		}
		f := randomForest(r)
		f.name = fmt.Sprintf("random %d", i)
		name := fmt.Sprintf("%d/%d heads of %d, window %d, %v", h.Heads, h.KVHeads, h.Dim, h.Window, f.queries)
		c := newAttention(r, h, f)
		forward := c.forward(ty, name, f.queries)
		s.check(t, forward)
		given := s.oracle.exec(t, forward.inF64(false), packed, nil)
		o, lse := values(tensor.F64, given[0]), values(tensor.F64, given[1])
		s.check(t, c.backward(ty, name, f.queries, o, lse))
		e := s.envs[i%len(s.envs)]
		all := e.exec(t, forward, packed, nil)
		grad := e.exec(t, c.backward(ty, name, f.queries, o, lse), packed, nil)
		for _, q := range f.queries {
			for row := int32(0); row < q.Len; row += 1 + q.Len/5 {
				one := []kernels.Query{soleRow(q, row)}
				got := e.exec(t, c.forward(ty, name, one), packed, nil)
				sameRows(t, "Attend "+name+": o", one, got[0], all[0], c.qdim*ty.out.Size())
				sameRows(t, "Attend "+name+": lse", one, got[1], all[1], h.Heads*ty.acc.Size())
				back := e.exec(t, c.backward(ty, name, one, o, lse), packed, nil)
				sameRows(t, "AttendGrad "+name+": dq", one, back[0], grad[0], c.qdim*ty.out.Size())
			}
		}
	}
}

// randomForest returns a tree of up to six queries, whose keys lie in spans of any length.
func randomForest(r *rand.Rand) (f forest) {
	paths := [][]kernels.Span{nil}
	for range 1 + r.IntN(6) {
		path := slices.Clone(paths[r.IntN(len(paths))])
		own := 0
		for range 1 + r.IntN(3) {
			n := []int{0, 1, r.IntN(30), r.IntN(150), kernels.KeyBlock, r.IntN(700)}[r.IntN(6)]
			path = append(path, span(int32(f.keys), int32(n)))
			f.keys, own = f.keys+n+r.IntN(3), own+n
		}
		n := r.IntN(min(own, 40) + 1)
		f.queries = append(f.queries, query(int32(f.rows), int32(n), path...))
		f.rows += n + r.IntN(2)
		paths = append(paths, path)
	}
	return f
}

// soleRow returns row row of q as a query of its own, with the spans up to its own key. What a window
// hides stays, since its blocks count.
func soleRow(q kernels.Query, row int32) kernels.Query {
	left := q.Keys() - int(q.Len-1-row)
	one := query(q.Row+row, 1)
	for _, s := range q.Spans {
		if n := min(int(s.Len), left); n > 0 {
			one.Spans = append(one.Spans, span(s.Row, int32(n)))
			left -= n
		}
	}
	return one
}
