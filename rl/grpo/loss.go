package grpo

import "math"

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

	// Sequence makes the ratio one of sequences, the geometric mean of those of its tokens, and clips it
	// as one (GSPO, arXiv 2507.18071, Eq. 7).
	Sequence bool

	Correction Correction
	Cap        float64 // c of Correction
	KL         float64 // weight of the k3 estimate of KL(π‖π_ref)
	Entropy    float64 // weight of the entropy bonus
}

// Correction says what becomes of tokens to which the sampler gave another probability than the weights that
// are trained, because it computes with fewer bits. r = π_old/π_sampler; the factor is a constant to the
// gradient.
type Correction uint8

const (
	NoCorrection Correction = iota
	Truncated               // min(r, c): truncated importance sampling (TIS)
	Masked                  // r within [1/c, c], and 0 for the tokens outside (MIS)
)

// of returns the factor for a log-ratio.
func (c Correction) of(logRatio, limit float64) float64 {
	r := math.Exp(logRatio)
	switch {
	case c == NoCorrection:
		return 1
	case c == Truncated:
		return min(r, limit)
	case r < 1/limit || r > limit:
		return 0
	}
	return r
}

// DefaultPolicy returns the constants of the paper's code (clip 0.2, dual clip 3, no KL term, no
// entropy bonus) and the usual cap of 2 on the sampler's correction, which that code does not have.
func DefaultPolicy() Policy {
	return Policy{ClipLow: 0.2, ClipHigh: 0.2, DualClip: 3, Correction: Truncated, Cap: 2}
}

// maxLogRatio bounds log-ratios before exp (paper code: 20); beyond it a ratio has no gradient.
const maxLogRatio = 20

// Stats describes the rows of one call. Losses of micro-batches add up to the loss of the update.
type Stats struct {
	Loss        float64
	Tokens      int     // rows
	Clipped     int     // rows whose policy gradient a clip made zero
	Masked      int     // rows that the correction left out
	MaxLogRatio float64 // largest |log π − log π_old| (or sampler's): 0 when generation and training agree exactly
}

// Coefficients writes dLoss/dlogp and dLoss/dentropy per row.
// coefEntropy may be nil if the loss has no entropy term.
//
// Without Old the ratio is 1 by construction and the gradient of a row is −A·w. With Old the loss
// is max(−A·ρ, −A·clip(ρ)), and at most −A·c for negative A. The sampler's correction multiplies either.
func (p Policy) Coefficients(r *Rows, coefLogp, coefEntropy []float32) Stats {
	var s Stats
	row := 0
	for i, end := range r.Ends {
		begin := row
		var of logRatios
		for ; row < end; row++ {
			if !p.Sequence {
				of = r.logRatios(row, row+1)
			} else if row == begin {
				of = r.logRatios(row, end)
			}
			logp := float64(r.Logp[row])
			loss, grad := p.surrogate(r, of, r.Advantage[i], &s)
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

// logRatios are what a row's factors are made from.
type logRatios struct {
	policy  float64 // log π − log π_old
	sampler float64 // log π_old − log π_sampler
}

// logRatios returns the means over the rows from begin to end.
func (r *Rows) logRatios(begin, end int) (of logRatios) {
	n := float64(end - begin)
	for row := begin; row < end; row++ {
		logp := float64(r.Logp[row])
		old := logp
		if r.Old != nil {
			old = float64(r.Old[row])
			of.policy += (logp - old) / n
		}
		if r.Sampler != nil {
			of.sampler += (old - float64(r.Sampler[row])) / n
		}
	}
	return of
}

// surrogate is the policy part of one row: its loss and d loss/d logp, before the sequence's weight.
func (p Policy) surrogate(r *Rows, of logRatios, advantage float64, s *Stats) (loss, grad float64) {
	s.MaxLogRatio = max(s.MaxLogRatio, math.Abs(of.policy), math.Abs(of.sampler))
	ratio := math.Exp(min(max(of.policy, -maxLogRatio), maxLogRatio))
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
	correction := 1.0
	if r.Sampler != nil {
		correction = p.Correction.of(of.sampler, p.Cap)
	}
	loss = -advantage * bound * correction
	clipped := bound != ratio || math.Abs(of.policy) > maxLogRatio
	if advantage != 0 && clipped {
		s.Clipped++
	}
	if advantage != 0 && correction == 0 {
		s.Masked++
	}
	if !clipped {
		grad = loss // dρ/dlogp = ρ; of a sequence's ratio too, since all its rows share it
	}
	return loss, grad
}
