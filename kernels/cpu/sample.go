package cpu

import (
	"cmp"
	"math"
	"slices"
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

type sampleCall struct {
	ids    []int32
	logp   []float32
	logits mat
	how    []kernels.Sampling
}

// Sample draws one id per row. It takes the ids from the most likely down, of equals the lower
// first, as many as TopK and TopP leave, until their probabilities add up to U of the whole.
func (b *Backend) Sample(ids []int32, logp []float32, logits tensor.Mat, how []kernels.Sampling) {
	if len(ids) != logits.Rows || len(logp) != logits.Rows || len(how) != logits.Rows {
		kernels.Check("Sample", false, "%d ids, %d logps, %d settings for %v", len(ids), len(logp), len(how), logits)
	}
	if logits.Rows == 0 {
		return
	}
	kernels.Check("Sample", logits.Cols > 0, "rows without logits")
	c := &b.calls.sample
	*c = sampleCall{ids: ids, logp: logp, logits: view("Sample", logits), how: how}
	b.pool.do(c, logits.Rows, logits.Len() > parallelWork)
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
	r, likely := newRunning(), 0 // the first tile with the largest logit
	for j := 0; j < n; j += kernels.VocabTile {
		was := r.top
		if r.advance(w.s, z[j:min(j+kernels.VocabTile, n)]); r.top > was {
			likely = j
		}
	}
	id := 0
	switch {
	case how.Temperature > 0:
		id = w.rank.draw(w, z, r.top, how)
	case r.top == r.top:
		id = likely + largest(z[likely:min(likely+kernels.VocabTile, n)])
	default:
		id = largest(z)
	}
	c.ids[i] = int32(id)
	c.logp[i] = z[id] - r.lse()
}

// largest returns the index of the largest number, the first of equals, 0 if all are NaN.
func largest(z []float32) (at int) {
	for j, v := range z {
		if v > z[at] || z[at] != z[at] && v == v {
			at = j
		}
	}
	return at
}

// A ranking orders ids by falling logit, of equals the lower id first, NaN last, as far as needed:
// it counts ids and sums their probabilities in buckets of logits, and sorts only the buckets in
// which a cut or the draw falls.
type ranking struct {
	z, p    []float32
	bucket  []uint16 // of each id, from 0 for the largest logit
	buckets [rankBuckets]struct {
		mass  float64
		count int
	}
	ids    []int32 // of the sorted bucket, in order
	sorted int
}

// A place is an id in the order: the number n of ids up to it, its bucket and index there, and the
// sum of the probabilities up to it.
type place struct {
	n, bucket, index int
	sum              float64
}

const (
	rankBuckets = 1024
	rankSteps   = 32 // buckets per nat

	ones = 0x0001_0001_0001_0001
)

// draw chooses an id by logits z, whose maximum is top.
func (r *ranking) draw(w *worker, z []float32, top float32, how *kernels.Sampling) int {
	n := len(z)
	r.z, r.p, r.bucket, r.sorted = z, w.take(n), halves(w.take(n/2 + 1))[:n], -1
	w.s.expSum(r.p, z, top)
	w.s.rank(r.bucket, z, top)
	clear(r.buckets[:])
	for i, p := range r.p {
		b := &r.buckets[r.bucket[i]%rankBuckets]
		b.mass += float64(p)
		b.count++
	}
	keep := len(z)
	if how.TopK > 0 {
		keep = min(keep, how.TopK)
	}
	cut := math.Inf(1)
	if how.TopP < 1 {
		cut = float64(how.TopP) * r.until(keep, func(float64) bool { return false }).sum
	}
	last := r.until(keep, func(sum float64) bool { return sum >= cut })
	drawn := r.until(last.n, func(sum float64) bool { return sum > how.U*last.sum })
	r.sort(drawn.bucket)
	return int(r.ids[drawn.index])
}

// until walks the ids in order to the first at which the sum of the probabilities so far, its own
// included, is enough, or to the keep-th.
func (r *ranking) until(keep int, enough func(float64) bool) place {
	var at place
	for b := range r.buckets {
		c := r.buckets[b].count
		if c == 0 {
			continue
		}
		whole := place{at.n + c, b, c - 1, at.sum + r.buckets[b].mass}
		if whole.n > keep || enough(whole.sum) {
			r.sort(b)
			sum := at.sum
			for i, id := range r.ids {
				sum += float64(r.p[id])
				if at.n+i+1 == keep || enough(sum) {
					return place{at.n + i + 1, b, i, sum}
				}
			}
		}
		if at = whole; at.n == keep {
			break
		}
	}
	return at
}

// sort collects the ids of a bucket, unless it was the last to be sorted.
func (r *ranking) sort(b int) {
	if r.sorted == b {
		return
	}
	r.sorted = b
	r.ids = r.ids[:0]
	for i := 0; len(r.ids) < r.buckets[b].count; {
		next := i + 1
		if i+4 <= len(r.bucket) { // four at a time: is a half of the word 0?
			word := *(*uint64)(unsafe.Pointer(&r.bucket[i])) ^ uint64(b)*ones
			if next = i + 4; (word-ones)&^word&(ones<<15) == 0 {
				i = next
				continue
			}
		}
		for ; i < next; i++ {
			if int(r.bucket[i]) == b {
				r.ids = append(r.ids, int32(i))
			}
		}
	}
	slices.SortFunc(r.ids, func(i, j int32) int {
		x, y := r.z[i], r.z[j]
		switch {
		case x > y || y != y && x == x:
			return -1
		case x < y || x != x && y == y:
			return 1
		}
		return cmp.Compare(i, j)
	})
}
