package rollout

import (
	"context"
	"fmt"
	"math"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
)

// A Mismatch says how far apart two log-probabilities of the same tokens are: as the sampler saw them,
// and as other weights score them. With the same weights it is 0.
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

// Mean is the mean |Δ log p|, 0 of no tokens.
func (m Mismatch) Mean() float64 { return m.Sum / float64(max(m.Tokens, 1)) }

func (m Mismatch) String() string {
	return fmt.Sprintf("mean |Δ log p| %.4f, largest %.4f over %d tokens", m.Mean(), m.Largest, m.Tokens)
}

// Compare scores the answers of results with w, in batches of about that many tokens, and compares with
// what was recorded when they were sampled.
func Compare(ctx context.Context, b kernels.Backend, w *model.Weights, results []Result, tokens int) (m Mismatch, err error) {
	room := forest.Limits{Batch: tokens}
	for _, r := range results {
		room.Shared = max(room.Shared, r.Forest.SharedTokens())
		for _, a := range r.Answers {
			room.Batch = max(room.Batch, len(a.LogProbs))
		}
	}
	d, err := model.NewScorer(b, w, room)
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
