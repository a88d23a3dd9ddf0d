package rollout

import (
	"context"
	"fmt"
	"math"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
)

// A Mismatch says how far apart two log-probabilities of the same tokens are: as the sampler saw
// them, and as other weights score them. It is 0 if the weights are the same.
type Mismatch struct {
	Tokens  int
	Sum     float64 // of |Δ log p|, nats
	Largest float64
}

// Add counts one token.
func (m *Mismatch) Add(a, b float32) {
	d := math.Abs(float64(a) - float64(b))
	m.Tokens++
	m.Sum += d
	m.Largest = max(m.Largest, d)
}

// Mean returns the mean |Δ log p|, 0 of no tokens.
func (m Mismatch) Mean() float64 { return m.Sum / float64(max(m.Tokens, 1)) }

func (m Mismatch) String() string {
	return fmt.Sprintf("mean |Δ log p| %.4f, largest %.4f over %d tokens", m.Mean(), m.Largest, m.Tokens)
}

// Compare scores the answers of results with w, in batches of that many tokens or of the longest
// answer, and compares with what was recorded when they were sampled.
func Compare(ctx context.Context, b kernels.Backend, w *model.Weights, results []Result, tokens int) (
	m Mismatch, err error) {
	limits := forest.Limits{Batch: tokens}
	for _, r := range results {
		limits.Shared = max(limits.Shared, r.Forest.SharedTokens())
		for _, a := range r.Answers {
			limits.Batch = max(limits.Batch, len(a.LogProbs))
		}
	}
	d, err := model.NewScorer(b, w, limits)
	if err != nil {
		return m, err
	}
	defer d.Free()
	for _, r := range results {
		stats, err := d.Score(ctx, r.Forest)
		if err != nil {
			return m, err
		}
		for _, a := range r.Answers {
			for _, logp := range a.LogProbs {
				m.Add(logp, stats[0].LogProb)
				stats = stats[1:]
			}
		}
	}
	return m, nil
}
