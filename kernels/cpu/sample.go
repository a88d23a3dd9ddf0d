package cpu

import (
	"cmp"
	"math"
	"slices"

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
	if len(ids) != logits.Rows || len(logp) != logits.Rows || len(how) != logits.Rows {
		kernels.Check("Sample", false, "%d ids, %d logps, %d settings for %v", len(ids), len(logp), len(how), logits)
	}
	if logits.Rows == 0 {
		return
	}
	kernels.Check("Sample", logits.Cols > 0, "rows without logits")
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
		id = w.rank.draw(w, z, r.top, how)
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

// A ranking orders ids by falling logit, of equals the lower id first, NaN last, as far as
// anybody asks: ids are counted and their probabilities summed in buckets of logits, and only
// the buckets in which a cut or the draw falls are sorted.
type ranking struct {
	z, p   []float32
	top    float32
	count  [rankBuckets]int32
	mass   [rankBuckets]float64
	ids    []int32 // of the bucket sorted, in order
	sorted int
}

// A place is an id in the order: the number of ids up to it, where it is, and the sum of the
// probabilities up to it.
type place struct {
	n, bucket, index int
	sum              float64
}

const (
	rankBuckets = 1024
	rankSteps   = 32 // buckets a nat
)

// bucket is the number of the bucket of a logit: 0 for the largest.
func (r *ranking) bucket(z float32) int {
	d := (r.top - z) * rankSteps
	if d < rankBuckets-1 {
		return int(max(d, 0))
	}
	return rankBuckets - 1 // NaN too
}

// draw chooses an id of logits z, whose maximum is top.
func (r *ranking) draw(w *worker, z []float32, top float32, how *kernels.Sampling) int {
	r.z, r.p, r.top, r.sorted = z, w.take(len(z)), top, -1
	w.s.expSum(r.p, z, top)
	clear(r.count[:])
	clear(r.mass[:])
	for i, p := range r.p {
		b := r.bucket(z[i])
		r.count[b]++
		r.mass[b] += float64(p)
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
	for b := range r.count {
		c := int(r.count[b])
		if c == 0 {
			continue
		}
		whole := place{at.n + c, b, c - 1, at.sum + r.mass[b]}
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
	for i, v := range r.z {
		if r.bucket(v) == b {
			r.ids = append(r.ids, int32(i))
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
