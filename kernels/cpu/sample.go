package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

type sampleCall struct {
	ids    []int32
	logp   []float32
	logits mat
	how    []kernels.Sampling
}

// Sample draws one id a row: the ids from the most likely down, of equals the lower first, as
// many as TopK and TopP leave, until their probabilities add up to U of the whole.
func (b *Backend) Sample(ids []int32, logp []float32, logits tensor.Mat, how []kernels.Sampling) {
	kernels.Check("Sample", len(ids) == logits.Rows && len(logp) == logits.Rows && len(how) == logits.Rows,
		"%d ids, %d logps, %d settings for %v", len(ids), len(logp), len(how), logits)
	kernels.Check("Sample", logits.Cols > 0 || logits.Rows == 0, "no logits in %v", logits)
	c := &b.calls.sample
	*c = sampleCall{ids: ids, logp: logp, logits: view("Sample", logits), how: how}
	b.pool.do(c, logits.Rows, logits.Len() > wideWork)
}

func (c *sampleCall) task(w *worker, i int) {
	how, n := &c.how[i], c.logits.cols
	inv := float32(1)
	if how.Temperature > 0 {
		inv = 1 / how.Temperature
	}
	z := w.take(n)
	c.logits.get(w.s, z, i, 0)
	w.s.scale(z, inv)
	r := newRunning()
	for j := 0; j < n; j += kernels.VocabTile {
		r.advance(w.s, z[j:min(j+kernels.VocabTile, n)])
	}
	id := 0
	if how.Temperature > 0 {
		id = draw(w, z, r.top, how)
	} else {
		for j, v := range z {
			if v > z[id] || z[id] != z[id] && v == v {
				id = j
			}
		}
	}
	c.ids[i] = int32(id)
	c.logp[i] = z[id] - r.lse()
}

// draw chooses an id. A heap gives the ids in order, so that only those that are looked at are
// sorted: the likely ones.
func draw(w *worker, z []float32, top float32, how *kernels.Sampling) int {
	p := w.take(len(z))
	w.s.expSum(p, z, top)
	var all float64
	for _, v := range p {
		all += float64(v)
	}
	h := newHeap(w, z)
	keep := len(z)
	if how.TopK > 0 {
		keep = min(keep, how.TopK)
	}
	total := all
	if keep < len(z) || how.TopP < 1 {
		cut := math.Inf(1)
		if how.TopP < 1 {
			cut = float64(how.TopP) * all
		}
		total = 0
		for n := range keep {
			total += float64(p[h.pop(n)])
			if total >= cut {
				keep = n + 1
			}
			if n+1 >= keep {
				break
			}
		}
	}
	var c float64
	id := 0
	for n := range keep {
		id = h.at(n)
		c += float64(p[id])
		if c > how.U*total {
			break
		}
	}
	return id
}

// An idHeap gives ids by falling z, of equals the lower id first, NaN last. What pop took is kept
// behind the heap, in order.
type idHeap struct {
	z   []float32
	ids []int32 // heap in [0, len-out), popped ids from the end down
	out int
}

func newHeap(w *worker, z []float32) *idHeap {
	h := &w.heap
	if cap(h.ids) < len(z) {
		h.ids = make([]int32, len(z))
	}
	h.z, h.ids, h.out = z, h.ids[:len(z)], 0
	for i := range h.ids {
		h.ids[i] = int32(i)
	}
	for i := len(z)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
	return h
}

func (h *idHeap) before(a, b int32) bool {
	x, y := h.z[a], h.z[b]
	if x == y || x != x && y != y {
		return a < b
	}
	return x > y || y != y
}

func (h *idHeap) down(i int) {
	n := len(h.ids) - h.out
	for {
		l := 2*i + 1
		if l >= n {
			return
		}
		if l+1 < n && h.before(h.ids[l+1], h.ids[l]) {
			l++
		}
		if !h.before(h.ids[l], h.ids[i]) {
			return
		}
		h.ids[i], h.ids[l] = h.ids[l], h.ids[i]
		i = l
	}
}

// pop takes the n-th id; those before have been taken.
func (h *idHeap) pop(n int) int {
	h.out = n + 1
	last := len(h.ids) - h.out
	h.ids[0], h.ids[last] = h.ids[last], h.ids[0]
	h.down(0)
	return int(h.ids[last])
}

// at is the n-th id, popped now if it was not before.
func (h *idHeap) at(n int) int {
	if n < h.out {
		return int(h.ids[len(h.ids)-1-n])
	}
	return h.pop(n)
}
