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

// attendBits tests what must not change a bit of Attend and AttendGrad: keys in pages, queries
// in chunks, alone, or in another order.
func (s *suite) attendBits(t *testing.T, ty types) {
	if s.every > 1 {
		return
	}
	for i, h := range heads {
		n := i + ty.turn()
		if s.quick && n%len(heads) != 0 || n%3 != 0 && (ty.in == tensor.BF16 || h.Dim*h.Heads > 200) {
			continue
		}
		for _, h.Window = range []int32{0, windows[(i+7)%len(windows)]} {
			s.pages(t, ty, h)
			s.chunks(t, ty, h)
			s.alone(t, ty, h)
		}
		s.wideWindow(t, ty, h)
		h.Window = 0
		s.runs(t, ty, h)
	}
}

// pages lays sequences within a run and beyond out in one span and in pages of whole blocks,
// scattered over the cache.
func (s *suite) pages(t *testing.T, ty types, h kernels.Attention) {
	for _, keys := range []int32{3*kernels.KeyBlock + 17, (2*kernels.RunBlocks+1)*kernels.KeyBlock + 17} {
		s.pagesOf(t, ty, h, keys)
	}
}

func (s *suite) pagesOf(t *testing.T, ty types, h kernels.Attention, keys int32) {
	const rows = 20
	r := random(14, h.Dim, int(keys))
	long := forest{"one span", rows, int(keys) + 100, []kernels.Query{query(0, rows, span(0, keys))}}
	c := newAttention(r, h, long)
	want := s.envs[0].exec(t, c.forward(ty, "", long.queries), packed, nil)
	o, lse := values(ty.out, want[0]), values(ty.acc, want[1])
	whole := c.backward(ty, "", long.queries, o, lse)
	wantGrad := s.envs[0].exec(t, whole, packed, nil)
	for i, largest := range []int{1, 2, kernels.RunBlocks + 1} {
		layout := slices.Insert(scattered(r, keys, largest), 1, span(33, 0))
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
		e := s.envs[i%len(s.envs)]
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

// scattered cuts keys keys into pages of up to largest blocks, which lie in any order with gaps of up
// to 100 rows together.
func scattered(r *rand.Rand, keys int32, largest int) (pages []kernels.Span) {
	for keys > 0 {
		n := min(keys, int32(1+r.IntN(largest))*kernels.KeyBlock)
		pages = append(pages, span(0, n))
		keys -= n
	}
	at, gap := int32(0), int32(100/len(pages))
	for _, i := range r.Perm(len(pages)) {
		at += int32(r.IntN(int(gap) + 1))
		pages[i].Row = at
		at += pages[i].Len
	}
	return pages
}

// runs requires that a query of several runs gives what its runs give apart, added in order. All
// keys of a run have the same score, so that each run's output is an average.
func (s *suite) runs(t *testing.T, ty types, h kernels.Attention) {
	const run, last = kernels.RunBlocks * kernels.KeyBlock, 2 * kernels.KeyBlock // powers of two
	if ty.out != tensor.F32 {
		return
	}
	for i, heights := range [][]float64{{0, 0, 0, 0}, {1, 1, 1, 1}, {0, 1, 0, 1}, {1, 0, 1, 0}, {-1, 0, -1, 0}} {
		keys := (len(heights)-1)*run + last
		f := forest{"runs", 1, keys, []kernels.Query{query(0, 1, span(0, int32(keys)))}}
		c := newAttention(random(39, i, h.Dim), h, f)
		top := slices.Max(heights)
		for j := range c.q {
			c.q[j] = 0
			if j%h.Dim == 0 {
				c.q[j] = 512 * math.Sqrt(float64(h.Dim)) // scores of 512 times the height: next to it others are 0
			}
		}
		for j := range c.k {
			c.k[j] = heights[j/c.kdim/run]
		}
		e := s.envs[i%len(s.envs)]
		got := values(ty.out, e.exec(t, c.forward(ty, "over runs", f.queries), packed, nil)[0])
		sums, n := make([]float32, c.qdim), float32(0)
		for j, height := range heights {
			if height != top {
				continue
			}
			size := min(run, keys-j*run)
			one := []kernels.Query{query(0, 1, span(int32(j*run), int32(size)))}
			for d, mean := range values(ty.out, e.exec(t, c.forward(ty, "over a run", one), packed, nil)[0]) {
				sums[d] += float32(mean) * float32(size)
			}
			n += float32(size)
		}
		for d := range got {
			if want := sums[d] / n; float32(got[d]) != want {
				t.Errorf("Attend dim %d over runs of scores %v: o[%d] is %g, the sums of its runs give %g", h.Dim,
					heights, d, got[d], want)
				break
			}
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
