package grpo

import "math"

// Norm says over what token losses are averaged.
type Norm uint8

const (
	// GlobalTokenMean divides by the tokens of the whole update: every token weighs the same.
	GlobalTokenMean Norm = iota
	// GroupTokenMean divides by the tokens of the sequence's group and averages over groups (Eq.
	// 12): every question weighs the same.
	GroupTokenMean
)

// Weights returns the factor each sequence's token losses are multiplied by: its own
// weight (of its role, say; nil weighs all 1) over the normaliser. lengths are trained
// tokens per sequence and group numbers groups from 0; both cover the whole update, so
// that the result does not depend on how it is later cut into micro-batches.
// GlobalTokenMean reads no group. Sequences without tokens count in no mean.
func (n Norm) Weights(lengths, group []int, weight []float64) []float64 {
	tokens := map[int]int{}
	of := func(i int) int { return 0 }
	if n == GroupTokenMean {
		of = func(i int) int { return group[i] }
	}
	for i, length := range lengths {
		if length > 0 {
			tokens[of(i)] += length
		}
	}
	w := make([]float64, len(lengths))
	for i, length := range lengths {
		if length == 0 {
			continue
		}
		w[i] = 1 / (float64(tokens[of(i)]) * float64(len(tokens)))
		if weight != nil {
			w[i] *= weight[i]
		}
	}
	return w
}

// Rows are some sequences of an update and the log-probabilities of
// their trained tokens, laid end to end: sequence i has rows Ends[i−1]
// … Ends[i]−1. Slices per row have Ends[len(Ends)−1] elements.
type Rows struct {
	Ends      []int     // per sequence
	Advantage []float64 // per sequence
	Weight    []float64 // per sequence, from Norm.Weights

	Logp    []float32 // log π(token) under the weights being trained
	Entropy []float32 // entropy of π at the row, nats; read for Stats.Loss alone, if the loss has an entropy term
	Old     []float32 // log π of the weights the batch began with; nil while those are the weights being trained
	Sampler []float32 // log-probability the sampler recorded; nil where it is equal to Old (or Logp) by construction
	Ref     []float32 // log π of the reference model; needed if the loss has a KL term
}

// Policy is the policy-gradient loss, in the sign that is minimised. On rows without Old and
// Sampler it is the strictly on-policy loss −A·w per token, whatever the bounds.
type Policy struct {
	ClipLow, ClipHigh float64 // PPO: the ratio π/π_old is clipped to [1−ClipLow, 1+ClipHigh]
	DualClip          float64 // bound c > 1 on the ratio where the advantage is negative; 0 for none
	MaxSamplerRatio   float64 // cap on the correction π_old/π_sampler; 0 for no correction
	KL                float64 // weight of the k3 estimate of KL(π‖π_ref)
	Entropy           float64 // weight of the entropy bonus
}

// DefaultPolicy returns the constants of the paper's code (clip 0.2, dual clip 3, no KL term, no
// entropy bonus) and the usual cap of 2 on the sampler's correction, which that code does not have.
func DefaultPolicy() Policy {
	return Policy{ClipLow: 0.2, ClipHigh: 0.2, DualClip: 3, MaxSamplerRatio: 2}
}

// maxLogRatio bounds log-ratios before exp (paper code: 20); beyond it a ratio has no gradient.
const maxLogRatio = 20

// Stats describes the rows of one call. Losses of micro-batches add up to the loss of the update.
type Stats struct {
	Loss            float64
	Tokens, Clipped int     // rows; rows whose policy gradient a clip made zero
	MaxLogRatio     float64 // largest |log π − log π_old| (or sampler's): 0 when generation and training agree exactly
}

// Coefficients writes dLoss/dlogp and dLoss/dentropy per row.
// coefEntropy may be nil if the loss has no entropy term.
//
// Without Old the ratio is 1 by construction and the gradient of a row is −A·w. With Old the loss
// is max(−A·ρ, −A·clip(ρ)), and at most −A·c for negative A. The sampler's correction
// min(π_old/π_sampler, cap) multiplies either and is a constant to the gradient.
func (p Policy) Coefficients(r *Rows, coefLogp, coefEntropy []float32) Stats {
	var s Stats
	row := 0
	for i, end := range r.Ends {
		for ; row < end; row++ {
			logp := float64(r.Logp[row])
			loss, grad, clipped := p.surrogate(r, row, r.Advantage[i], &s)
			if p.KL != 0 {
				k, d := k3(logp, float64(r.Ref[row]))
				loss += p.KL * k
				if d < maxLogRatio {
					grad += p.KL * (1 - math.Exp(d))
				}
			}
			if p.Entropy != 0 {
				loss -= p.Entropy * float64(r.Entropy[row])
			}
			if coefEntropy != nil {
				coefEntropy[row] = float32(-p.Entropy * r.Weight[i])
			}
			coefLogp[row] = float32(grad * r.Weight[i])
			s.Loss += loss * r.Weight[i]
			s.Tokens++
			if clipped {
				s.Clipped++
			}
		}
	}
	return s
}

// K3 estimates KL(π‖π_ref) from one token that π has drawn: e^d − d − 1 with d = log π_ref − log π.
func K3(logp, ref float64) float64 {
	k, _ := k3(logp, ref)
	return k
}

// k3 returns the estimate and d, which is bounded.
func k3(logp, ref float64) (k, d float64) {
	d = min(ref-logp, maxLogRatio)
	return math.Exp(d) - d - 1, d
}

// surrogate is the policy part of one row: its loss and d loss/d
// logp, before the sequence's weight.
func (p Policy) surrogate(r *Rows, row int, advantage float64, s *Stats) (loss, grad float64, clipped bool) {
	logp := float64(r.Logp[row])
	old := logp
	ratio, moves := 1.0, true
	if r.Old != nil {
		old = float64(r.Old[row])
		delta := logp - old
		s.MaxLogRatio = max(s.MaxLogRatio, math.Abs(delta))
		moves = math.Abs(delta) <= maxLogRatio
		ratio = math.Exp(min(max(delta, -maxLogRatio), maxLogRatio))
	}
	correction := 1.0
	if r.Sampler != nil {
		delta := old - float64(r.Sampler[row])
		s.MaxLogRatio = max(s.MaxLogRatio, math.Abs(delta))
		if p.MaxSamplerRatio > 0 {
			correction = min(math.Exp(delta), p.MaxSamplerRatio)
		}
	}
	bound := ratio
	if r.Old != nil {
		if advantage >= 0 {
			bound = min(ratio, 1+p.ClipHigh)
		} else {
			bound = max(ratio, 1-p.ClipLow)
			if p.DualClip > 0 {
				bound = min(bound, p.DualClip)
			}
		}
	}
	clipped = bound != ratio || !moves
	loss = -advantage * bound * correction
	if !clipped {
		grad = loss // dρ/dlogp = ρ
	}
	return loss, grad, clipped && advantage != 0
}
