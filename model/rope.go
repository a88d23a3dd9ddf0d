package model

import (
	"fmt"
	"math"

	"spell/kernels"
)

// Rope is the rotary position embedding of a model and how it was stretched to longer contexts.
type Rope struct {
	Theta float64 // base of the frequencies
	Type  string  // "default", "llama3" or "yarn"
	// Factor is how much longer the context became; Original what it was before.
	Factor   float64
	Original int
	// LowFreq and HighFreq bound the blended band of llama3, in turns over the original context.
	LowFreq, HighFreq float64
	// BetaFast and BetaSlow bound the blended band of YaRN, in turns over the original context.
	BetaFast, BetaSlow float64
	// AttentionFactor scales cosine and sine under YaRN; 0 takes 0.1·ln(Factor)+1.
	AttentionFactor float64
}

// Rotary returns the angular frequencies for heads of dim components, an even number.
//
// llama3 keeps frequencies that turn more than HighFreq times within the original context,
// divides by Factor those that turn less than LowFreq times, and blends between (Llama 3.1
// model card). YaRN does the like along a ramp over the component index (Peng et al. 2023, §3.2)
// and scales attention (§3.4).
func (r Rope) Rotary(dim int) (kernels.Rotary, error) {
	out := kernels.Rotary{Dim: dim, InvFreq: make([]float64, dim/2), Scale: 1}
	if !(r.Theta > 1) || math.IsInf(r.Theta, 0) {
		return out, fmt.Errorf("rope_theta is %g; it must be above 1", r.Theta)
	}
	for j := range out.InvFreq {
		out.InvFreq[j] = math.Pow(r.Theta, -float64(2*j)/float64(dim))
	}
	if r.Type != "default" && r.Type != "" && (!(r.Factor >= 1) || r.Original < 1) {
		return out, fmt.Errorf("rope_scaling %s has factor %g and original_max_position_embeddings %d; "+
			"both must be at least 1", r.Type, r.Factor, r.Original)
	}
	switch r.Type {
	case "", "default":
	case "llama3":
		if !(r.HighFreq > r.LowFreq && r.LowFreq > 0) {
			return out, fmt.Errorf("rope_scaling llama3 has low_freq_factor %g and high_freq_factor %g; "+
				"they must be positive and ascending", r.LowFreq, r.HighFreq)
		}
		for j, f := range out.InvFreq {
			turns := float64(r.Original) * f / (2 * math.Pi)
			keep := min(max((turns-r.LowFreq)/(r.HighFreq-r.LowFreq), 0), 1)
			out.InvFreq[j] = keep*f + (1-keep)*f/r.Factor
		}
	case "yarn":
		if !(r.BetaFast >= r.BetaSlow && r.BetaSlow >= 1e-6 && r.BetaFast <= 1e6) {
			return out, fmt.Errorf("rope_scaling yarn has beta_fast %g and beta_slow %g; "+
				"they must lie between 1e-6 and 1e6, beta_fast above", r.BetaFast, r.BetaSlow)
		}
		if !(r.AttentionFactor >= 0 && r.AttentionFactor < 1e4) {
			return out, fmt.Errorf("rope_scaling yarn has attention_factor %g; "+
				"it must lie between 0 and 10000", r.AttentionFactor)
		}
		// component is the index whose frequency turns n times within the original context.
		component := func(n float64) float64 {
			return float64(dim) * math.Log(float64(r.Original)/(n*2*math.Pi)) / (2 * math.Log(r.Theta))
		}
		low := max(math.Floor(component(r.BetaFast)), 0)
		high := min(math.Ceil(component(r.BetaSlow)), float64(dim-1))
		if high == low {
			high += 0.001
		}
		for j, f := range out.InvFreq {
			stretch := min(max((float64(j)-low)/(high-low), 0), 1)
			out.InvFreq[j] = (1-stretch)*f + stretch*f/r.Factor
		}
		out.Scale = r.AttentionFactor
		if out.Scale == 0 {
			out.Scale = 0.1*math.Log(r.Factor) + 1
		}
	default:
		return out, fmt.Errorf("rope_scaling type %q is not known; default, llama3 and yarn are", r.Type)
	}
	return out, nil
}
