package kerneltest

import (
	"math"
	"slices"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// manyTiles is a vocabulary of more tiles than a backend may search like few.
const manyTiles = 9 * kernels.VocabTile

// sample tests Sample: alone against exact probabilities, and against LogProb bit for bit.
func (s *suite) sample(t *testing.T, ty types) {
	s.sampleScores(t, ty)
	if ty.out != ty.acc {
		return // logits have the type of statistics; the rest does not depend on ty.in
	}
	s.greedy(t, ty)
	vocabularies := []int{1, 7, 300, kernels.VocabTile + 3}
	if !s.quick {
		vocabularies = append(vocabularies, manyTiles+3)
	}
	for _, vocab := range vocabularies {
		for _, how := range []kernels.Sampling{
			{Temperature: 1, TopP: 1},
			{Temperature: 0.6, TopP: 1},
			{Temperature: 1, TopP: 0.9},
			{Temperature: 1, TopP: 1, TopK: 5},
			{Temperature: 1.5, TopP: 0.3},
			{Temperature: 0.8, TopP: 0.5, TopK: 20},
			{Temperature: 1, TopP: 1, TopK: 10000},
			{Temperature: 1, TopP: 0},
			{Temperature: 1, TopP: 1, TopK: 1},
		} {
			s.frequencies(t, ty, vocab, how)
		}
	}
}

// draw samples each row of logits, [len(how), vocab].
func (e *env) draw(t tensor.DType, vocab int, logits []float64, how []kernels.Sampling) (ids []int32, logp []float32) {
	mark := e.arena.Mark()
	defer e.arena.Release(mark)
	m := e.place(e.arena, t, len(how), vocab, logits, packed)
	ids, logp = make([]int32, len(how)), make([]float32, len(how))
	e.b.Sample(ids, logp, m.Mat, how)
	return ids, logp
}

// sampleScores samples from the logits that MatMul makes and scores the same ids with LogProb: the
// log-probabilities must be the same bits.
func (s *suite) sampleScores(t *testing.T, ty types) {
	for _, shape := range append(headShapes[1:], [3]int{2, 8, manyTiles + 37}) {
		h := newHeadCase(shape[0], shape[1], shape[2])
		r := random(17, h.rows, h.vocab)
		how := make([]kernels.Sampling, h.rows)
		for i := range how {
			temp := []float32{1, 0.7, 1.3, 0}[i%4]
			how[i] = kernels.Sampling{Temperature: temp, TopP: []float32{1, 0.8}[i%2], TopK: []int{0, 50, 3}[i%3],
				U: r.Float64()}
			h.invTemp[i] = 1
			if temp > 0 {
				h.invTemp[i] = 1 / temp
			}
		}
		x, w := roundAll(ty.in, h.x), roundAll(ty.in, h.w)
		var firstIDs []int32
		var firstLogp []float32
		for i, e := range s.envs {
			mark, params := e.arena.Mark(), e.params.Mark()
			xm := e.place(e.arena, ty.in, h.rows, h.dim, x, packed).Mat
			wm := e.place(e.params, ty.in, h.vocab, h.dim, w, packed).Mat
			logits := e.place(e.arena, ty.acc, h.rows, h.vocab, nil, aligned).Mat
			stats := e.place(e.arena, ty.acc, h.rows, 3, nil, packed)
			ids, logp := make([]int32, h.rows), make([]float32, h.rows)
			e.b.MatMul(logits, xm, wm, tensor.Mat{}, false)
			e.b.Sample(ids, logp, logits, how)
			if alone, aloneLogp := []int32{0}, []float32{0}; true {
				last := h.rows - 1
				e.b.Sample(alone, aloneLogp, logits.Slice(last, h.rows), how[last:])
				if alone[0] != ids[last] || aloneLogp[0] != logp[last] {
					t.Errorf("Sample %v: the last row alone is %d (%v), among all %d (%v)", shape, alone[0],
						aloneLogp[0], ids[last], logp[last])
				}
			}
			for row, id := range ids {
				if id < 0 || int(id) >= h.vocab {
					t.Fatalf("Sample %v: row %d drew id %d of %d", shape, row, id, h.vocab)
				}
			}
			e.b.LogProb(stats.Mat, xm, wm, ids, h.invTemp)
			bits, _ := e.fetch(stats, true)
			for row := range ids {
				if score := float32(values(ty.acc, bits)[3*row]); score != logp[row] {
					t.Errorf("Sample %v, %v, %s, row %d: log-probability %v, LogProb says %v", shape, how[row], e.name,
						row, logp[row], score)
				}
			}
			e.release(mark, params)
			if i == 0 {
				firstIDs, firstLogp = ids, logp
			} else if !slices.Equal(ids, firstIDs) || !slices.Equal(logp, firstLogp) {
				t.Errorf("Sample %v: %s draw differently", shape, e.name)
			}
		}
	}
}

// greedy checks that temperature 0 takes the lowest of the most likely ids, and records its
// log-probability at temperature 1.
func (s *suite) greedy(t *testing.T, ty types) {
	for _, vocab := range []int{1, 2, 16, 100, 2*kernels.VocabTile + 5, manyTiles + 5} {
		for _, best := range [][]int{{0}, {vocab - 1}, {vocab / 2, vocab - 1}, upTo(vocab),
			{min(17, vocab-1), vocab / 3}} {
			logits := roundAll(ty.acc, normal(random(18, vocab), vocab, 1))
			for _, id := range best {
				logits[id] = 6
			}
			lse := 0.0
			for _, z := range logits {
				lse += math.Exp(z)
			}
			want := 6 - math.Log(lse)
			id, logp := s.envs[0].draw(ty.acc, vocab, logits, []kernels.Sampling{{U: 0.999, TopP: 0.5, TopK: 3}})
			if int(id[0]) != slices.Min(best) || math.Abs(float64(logp[0])-want) > 1e-5 {
				t.Errorf("greedy choice among %d is %d (%v), not %d (%v)", vocab, id[0], logp[0], slices.Min(best),
					want)
			}
		}
	}
}

// frequencies draws with evenly spaced U. Whatever the order in which a backend cumulates, each id
// then owns one stretch of U, of the length of its probability.
func (s *suite) frequencies(t *testing.T, ty types, vocab int, how kernels.Sampling) {
	const draws, batch = 1000, 250
	logits := roundAll(ty.acc, normal(random(19, vocab), vocab, 2))
	if vocab > 5 {
		logits[2] = math.Inf(-1)
		logits[4] = logits[3] // equals
	}
	want := cut(logits, how)
	count := make([]int, vocab)
	rows := make([]kernels.Sampling, batch)
	repeated := slices.Repeat(logits, batch)
	e := s.envs[0]
	mark := e.arena.Mark()
	defer e.arena.Release(mark)
	m := e.place(e.arena, ty.acc, batch, vocab, repeated, packed)
	ids, logp := make([]int32, batch), make([]float32, batch)
	for n := 0; n < draws; n += batch {
		for i := range rows {
			rows[i] = how
			rows[i].U = (float64(n+i) + 0.5) / draws
		}
		e.b.Sample(ids, logp, m.Mat, rows)
		for _, id := range ids {
			if id < 0 || int(id) >= vocab {
				t.Fatalf("Sample from %d with %+v: id %d", vocab, how, id)
			}
			count[id]++
		}
	}
	for id, p := range want {
		if p == 0 && count[id] > 0 || math.Abs(float64(count[id])-p*draws) > 1.2 {
			t.Errorf("Sample from %d with %+v: id %d of probability %.5f drawn %d times of %d", vocab, how, id, p,
				count[id], draws)
		}
	}
	for _, u := range []float64{0, math.Nextafter(1, 0)} {
		how.U = u
		if id, _ := e.draw(ty.acc, vocab, logits, []kernels.Sampling{how}); want[id[0]] == 0 {
			t.Errorf("Sample from %d with %+v: id %d of probability 0", vocab, how, id[0])
		}
	}
}

// cut returns the distribution that Sample draws from: of the ids in order of their probability, of
// equals the lower first, the first TopK, and of those the fewest whose share of what TopK left
// reaches TopP, at least one.
func cut(logits []float64, how kernels.Sampling) []float64 {
	p := make([]float64, len(logits))
	for i, z := range logits {
		p[i] = math.Exp((z - slices.Max(logits)) / float64(how.Temperature))
	}
	order := upTo(len(p))
	slices.SortStableFunc(order, func(a, b int) int {
		if p[a] > p[b] {
			return -1
		} else if p[a] < p[b] {
			return 1
		}
		return 0
	})
	sum, kept := 0.0, 0.0
	for n, id := range order {
		if how.TopK > 0 && n >= how.TopK {
			p[id] = 0
		}
		sum += p[id]
	}
	for n, id := range order {
		if n > 0 && how.TopP < 1 && kept >= float64(how.TopP)*sum {
			p[id] = 0
		}
		kept += p[id]
	}
	for i := range p {
		p[i] /= kept
	}
	return p
}
