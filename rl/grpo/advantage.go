// Package grpo holds the arithmetic of group-relative policy optimisation: advantages from rewards,
// and losses as coefficients. A loss here is a function from log-probabilities to dLoss/dlogp and
// dLoss/dentropy, one pair a token; it sees no matrix, and the trainer that multiplies the
// coefficients into gradients sees no algorithm.
package grpo

import "math"

// grain is the unit in which rewards are compared. Rewards that are the same by their formula may
// differ in their last bits, as 1−2|r̄−1/2| does for 3 and for 7 of 10; the unit is far above such
// differences.
const grain = 1.0 / (1 << 32)

// epsilon keeps the division by a small standard deviation finite (paper code: 1e-6).
const epsilon = 1e-6

// GroupAdvantages writes (r − mean)/(std + 1e-6) to advantages, with the n−1 standard deviation:
// the responder's G answers to one question, or the verifier's G votes on one answer. Centred, they
// are r − mean: a question on which the answers hardly differ then weighs less than another (Dr. GRPO,
// arXiv 2503.20783). Equal rewards, or a single one, give zeros exactly; Equal decides. The slices have
// equal length and may be the same.
func GroupAdvantages(advantages, rewards []float64, centred bool) {
	if Equal(rewards) { // by comparison: the rounded mean of equal numbers may differ from them
		clear(advantages)
		return
	}
	var sum, squares float64
	for _, r := range rewards {
		sum += r
	}
	mean := sum / float64(len(rewards))
	for _, r := range rewards {
		squares += (r - mean) * (r - mean)
	}
	std := math.Sqrt(squares / float64(len(rewards)-1))
	for i, r := range rewards {
		if advantages[i] = r - mean; !centred {
			advantages[i] /= std + epsilon
		}
	}
}

// BatchAdvantages writes the questioner's advantages: one question is one sample, so its baseline
// is the whole batch (paper), good and failed questions together. With labels, one per reward, each
// label is a baseline of its own (the paper's code, where the labels are the tasks); without (nil)
// there is one for all. The slices may be the same.
func BatchAdvantages(advantages, rewards []float64, labels []int, centred bool) {
	if labels == nil {
		GroupAdvantages(advantages, rewards, centred)
		return
	}
	members := map[int][]int{}
	for i, l := range labels {
		members[l] = append(members[l], i)
	}
	for _, at := range members { // labels are independent: their order does not matter
		part := make([]float64, len(at))
		for k, i := range at {
			part[k] = rewards[i]
		}
		GroupAdvantages(part, part, centred)
		for k, i := range at {
			advantages[i] = part[k]
		}
	}
}

// Equal reports whether all rewards are the same, compared as integers in units of 2⁻³². It is the
// one place where rewards are compared: a group that it finds equal has nothing to learn from, and
// no difference of rounding may train.
func Equal(rewards []float64) bool {
	for _, r := range rewards {
		if math.Round(r/grain) != math.Round(rewards[0]/grain) { // whole numbers, of any size
			return false
		}
	}
	return true
}
