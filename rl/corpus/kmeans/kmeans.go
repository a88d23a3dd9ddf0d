// Package kmeans divides vectors in a file into clusters of about even size: spherical k-means of k-means, in
// memory that grows by 4 bytes a vector. The same vectors and seed give the same clusters, whatever the number of
// workers.
package kmeans

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Options are the sizes of clusters.
type Options struct {
	Target  int // members of a cluster, about
	Least   int // members; if there are fewer vectors in all, they are one cluster
	Most    int // members, at least twice Least
	Seed    uint64
	Workers int // 0: 1

	OnProgress func(done, total int) // vectors; nil: nobody asks
}

// A Member is a vector of a cluster.
type Member struct {
	ID   uint32
	Near float32 // its cosine with the mean of the cluster's vectors
}

// A node is divided into at most fanOut parts, whose means a sample of it decides. More rounds change little.
const (
	fanOut  = 16
	sampled = 1 << 14
	rounds  = 12
)

// Tree calls yield with the clusters of the first n rows, each with its members from the nearest to its mean to
// the farthest. Clusters that are like each other come one after another. It returns the error of yield.
func Tree(ctx context.Context, rows *Rows, n int, o Options, yield func([]Member) error) error {
	if o.Least < 1 || o.Most < 2*o.Least || o.Target < o.Least || o.Target > o.Most {
		return fmt.Errorf("clusters of %d to %d members, about %d, cannot be made: the most is at least twice the "+
			"least, and the target is between them", o.Least, o.Most, o.Target)
	}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(i)
	}
	t := &tree{ctx: ctx, rows: rows, o: o, total: n, yield: yield}
	t.o.Workers = max(1, o.Workers)
	if n == 0 {
		return nil
	}
	return t.divide(ids, o.Seed)
}

type tree struct {
	ctx         context.Context
	rows        *Rows
	o           Options
	done, total int
	yield       func([]Member) error
}

// divide yields the clusters of ascending ids. The seed is its own.
func (t *tree) divide(ids []uint32, seed uint64) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if len(ids) <= t.o.Most {
		return t.leaf(ids)
	}
	rng := rand.New(rand.NewPCG(seed, uint64(len(ids))))
	k := min(fanOut, max(2, (len(ids)+t.o.Target/2)/t.o.Target))
	means, err := t.fit(ids, k, rng)
	if err != nil {
		return err
	}
	parts, err := t.parts(ids, means)
	if err != nil {
		return err
	}
	if len(parts) == 1 { // all are alike
		parts = even(ids, t.o.Most)
	}
	for _, part := range parts {
		if err := t.divide(part, rng.Uint64()); err != nil {
			return err
		}
	}
	return nil
}

// even cuts ids into parts of at most most, of about even size.
func even(ids []uint32, most int) (parts [][]uint32) {
	for n := (len(ids) + most - 1) / most; n > 0; n-- {
		size := (len(ids) + n - 1) / n
		parts, ids = append(parts, ids[:size]), ids[size:]
	}
	return parts
}

// parts returns the ids that are nearest to each mean. A mean to which too few are is given up, and they go
// where they are nearest then: fewer than Least, or than an eighth of an even share, since a tree of outliers
// would be as deep as there are vectors.
func (t *tree) parts(ids []uint32, means [][]float32) ([][]uint32, error) {
	least := max(t.o.Least, len(ids)/(8*len(means)))
	for {
		to, err := t.nearest(ids, means)
		if err != nil {
			return nil, err
		}
		sizes := make([]int, len(means))
		for _, m := range to {
			sizes[m]++
		}
		smallest := 0
		for m, n := range sizes {
			if n < sizes[smallest] {
				smallest = m
			}
		}
		if len(means) > 1 && sizes[smallest] < least {
			means = slices.Delete(means, smallest, smallest+1)
			continue
		}
		parts := make([][]uint32, len(means))
		for m := range parts {
			parts[m] = make([]uint32, 0, sizes[m])
		}
		for i, m := range to {
			parts[m] = append(parts[m], ids[i])
		}
		return parts, nil
	}
}

// nearest returns the mean that each id is nearest to.
func (t *tree) nearest(ids []uint32, means [][]float32) ([]uint8, error) {
	to := make([]uint8, len(ids))
	for from := 0; from < len(ids); from += sampled {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		block := ids[from:min(from+sampled, len(ids))]
		vectors, err := t.rows.load(block)
		if err != nil {
			return nil, err
		}
		t.assign(vectors, means, to[from:from+len(block)])
	}
	return to, nil
}

// assign sets to to the mean that each vector is nearest to, of two that are as near the first.
func (t *tree) assign(vectors []float32, means [][]float32, to []uint8) {
	dims := t.rows.Dims
	each := (len(to) + t.o.Workers - 1) / t.o.Workers
	var wait sync.WaitGroup
	for from := 0; from < len(to); from += each {
		wait.Go(func() {
			for i := from; i < min(from+each, len(to)); i++ {
				best := float32(math.Inf(-1))
				for m, mean := range means {
					if c := dot(vectors[i*dims:(i+1)*dims], mean); c > best {
						best, to[i] = c, uint8(m)
					}
				}
			}
		})
	}
	wait.Wait()
}

// fit returns k means of a sample of ids.
func (t *tree) fit(ids []uint32, k int, rng *rand.Rand) ([][]float32, error) {
	sample := ids
	if len(ids) > sampled {
		sample = make([]uint32, sampled)
		for i := range sample {
			sample[i] = ids[uint64(i)*uint64(len(ids))/sampled]
		}
	}
	vectors, err := t.rows.load(sample)
	if err != nil {
		return nil, err
	}
	means := t.begin(vectors, len(sample), k, rng)
	to, before := make([]uint8, len(sample)), make([]uint8, len(sample))
	for round := range rounds {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		t.assign(vectors, means, to)
		if round > 0 && slices.Equal(to, before) {
			break
		}
		copy(before, to)
		t.move(vectors, to, means)
	}
	return means, nil
}

// begin chooses the vectors to begin from: each next one is drawn by its distance from those before
// (k-means++).
func (t *tree) begin(vectors []float32, n, k int, rng *rand.Rand) (means [][]float32) {
	dims := t.rows.Dims
	row := func(i int) []float32 { return slices.Clone(vectors[i*dims : (i+1)*dims]) }
	means = append(means, row(rng.IntN(n)))
	far := make([]float64, n) // from the nearest of means
	for i := range far {
		far[i] = math.Inf(1)
	}
	for len(means) < k {
		sum := 0.0
		for i := range far {
			d := 1 - float64(dot(vectors[i*dims:(i+1)*dims], means[len(means)-1]))
			far[i] = min(far[i], max(d, 0))
			sum += far[i]
		}
		if sum <= 1e-9 { // all are chosen
			break
		}
		at, draw := n-1, rng.Float64()*sum
		for i, d := range far {
			if draw -= d; draw < 0 {
				at = i
				break
			}
		}
		means = append(means, row(at))
	}
	return means
}

// move sets each mean to that of its vectors; one without any stays.
func (t *tree) move(vectors []float32, to []uint8, means [][]float32) {
	dims := t.rows.Dims
	sums := make([][]float64, len(means))
	for i, m := range to {
		if sums[m] == nil {
			sums[m] = make([]float64, dims)
		}
		for j, x := range vectors[i*dims : (i+1)*dims] {
			sums[m][j] += float64(x)
		}
	}
	for m, sum := range sums {
		if sum != nil {
			unit(sum, means[m])
		}
	}
}

// leaf yields one cluster.
func (t *tree) leaf(ids []uint32) error {
	vectors, err := t.rows.load(ids)
	if err != nil {
		return err
	}
	dims := t.rows.Dims
	sum, mean := make([]float64, dims), make([]float32, dims)
	for i, x := range vectors {
		sum[i%max(dims, 1)] += float64(x)
	}
	unit(sum, mean)
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i] = Member{id, dot(vectors[i*dims:(i+1)*dims], mean)}
	}
	slices.SortStableFunc(members, func(a, b Member) int { return cmp.Compare(b.Near, a.Near) })
	if t.done += len(ids); t.o.OnProgress != nil {
		t.o.OnProgress(t.done, t.total)
	}
	return t.yield(members)
}

// unit sets out to sum at length 1; of a sum of nothing out stays as it is.
func unit(sum []float64, out []float32) {
	length := 0.0
	for _, x := range sum {
		length += float64(x * x)
	}
	if length = math.Sqrt(length); length < 1e-9 {
		return
	}
	for j, x := range sum {
		out[j] = float32(x / length)
	}
}

func dot(a, b []float32) float32 {
	var sum [4]float32
	n := len(a) &^ 3
	for i := 0; i < n; i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		sum[0] += float32(x[0] * y[0])
		sum[1] += float32(x[1] * y[1])
		sum[2] += float32(x[2] * y[2])
		sum[3] += float32(x[3] * y[3])
	}
	for i := n; i < len(a); i++ {
		sum[0] += float32(a[i] * b[i])
	}
	return sum[0] + sum[1] + sum[2] + sum[3]
}
