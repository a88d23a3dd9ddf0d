package rollout

import (
	"fmt"
	"math"
	"slices"

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

// Compare scores the answers of results with w, in passes of about that many tokens, and compares with
// what was recorded when they were sampled.
func Compare(b kernels.Backend, w *model.Weights, results []Result, tokens int) (m Mismatch, err error) {
	type part struct {
		forest forest.Forest
		logp   []float32
	}
	var parts []part
	for _, r := range results {
		room := 0
		for _, a := range r.Answers {
			n := len(a.LogProbs)
			if room < n {
				prompt := r.Forest[:r.Answers[0].Segment]
				parts = append(parts, part{forest: slices.Clone(prompt)})
				room = max(tokens-prompt.Tokens(), n)
			}
			p := &parts[len(parts)-1]
			p.forest, p.logp = append(p.forest, r.Forest[a.Segment]), append(p.logp, a.LogProbs...)
			room -= n
		}
	}
	rows, scored := 0, 0
	for _, p := range parts {
		rows, scored = max(rows, p.forest.Tokens()), max(scored, len(p.logp))
	}
	d, err := model.NewDecoder(b, w, rows, scored, false, false)
	if err != nil {
		return m, err
	}
	defer d.Free()
	for _, p := range parts {
		stats, err := d.Score(forest.Lay(p.forest))
		if err != nil {
			return m, err
		}
		for i, s := range stats {
			m.Add(p.logp[i], s.LogProb)
		}
	}
	return m, nil
}
