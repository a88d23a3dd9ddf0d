package model

import (
	"fmt"
	"math"
	"strings"

	"spell/kernels"
)

// Rope is the rotary position embedding of a model and how it was stretched to longer contexts.
type Rope struct {
	Theta float64 // base of the frequencies
	Type  string  // one of RopeTypes; empty: "default"
	// Factor is how much longer the context became; Original what it was before, under llama3 and
	// YaRN.
	Factor   float64
	Original int
	// LowFreq and HighFreq bound the blended band of llama3, in turns over the original context.
	LowFreq, HighFreq float64
	// BetaFast and BetaSlow bound the blended band of YaRN, in turns over the original context. The
	// bounds are moved outwards to whole components unless NoTruncate is set.
	BetaFast, BetaSlow float64
	NoTruncate         bool
	// AttentionFactor scales cosine and sine under YaRN. If it is 0 they are scaled by
	// m(MScale)/m(MScaleAllDim) with m(s) = 0.1·s·ln(Factor)+1, or by m(1) unless both are set.
	AttentionFactor, MScale, MScaleAllDim float64
}

// RopeTypes are the types of scaling that Rotary knows.
var RopeTypes = []string{"default", "linear", "llama3", "yarn"}

// Rotary returns the angular frequencies for heads of dim components, an even number.
//
// linear divides all frequencies by Factor. llama3 keeps frequencies that turn more than HighFreq
// times within the original context, divides by Factor those that turn less than LowFreq times, and
// blends between (Llama 3.1 model card). YaRN does the like along a ramp over the component index
// (Peng et al. 2023, §3.2) and scales attention (§3.4).
func (r Rope) Rotary(dim int) (kernels.Rotary, error) {
	out := kernels.Rotary{Dim: dim, InvFreq: make([]float64, dim/2), Scale: 1}
	if err := r.validate(); err != nil {
		return out, err
	}
	for j := range out.InvFreq {
		out.InvFreq[j] = math.Pow(r.Theta, -float64(2*j)/float64(dim))
	}
	switch r.Type {
	case "linear":
		for j := range out.InvFreq {
			out.InvFreq[j] /= r.Factor
		}
	case "llama3":
		for j, f := range out.InvFreq {
			turns := float64(r.Original) * f / (2 * math.Pi)
			keep := min(max((turns-r.LowFreq)/(r.HighFreq-r.LowFreq), 0), 1)
			out.InvFreq[j] = keep*f + (1-keep)*f/r.Factor
		}
	case "yarn":
		low, high := r.band(dim)
		for j, f := range out.InvFreq {
			stretch := min(max((float64(j)-low)/(high-low), 0), 1)
			out.InvFreq[j] = (1-stretch)*f + stretch*f/r.Factor
		}
		out.Scale = r.attentionFactor()
	}
	return out, nil
}

// band returns the component indices between which YaRN blends.
func (r Rope) band(dim int) (low, high float64) {
	// component is the index whose frequency turns n times within the original context.
	component := func(n float64) float64 {
		return float64(dim) * math.Log(float64(r.Original)/(n*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high = component(r.BetaFast), component(r.BetaSlow)
	if !r.NoTruncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dim-1))
	if high == low {
		high += 0.001
	}
	return low, high
}

// attentionFactor returns YaRN's factor on cosine and sine.
func (r Rope) attentionFactor() float64 {
	m := func(s float64) float64 { return 0.1*s*math.Log(r.Factor) + 1 }
	switch {
	case r.AttentionFactor != 0:
		return r.AttentionFactor
	case r.MScale != 0 && r.MScaleAllDim != 0:
		return m(r.MScale) / m(r.MScaleAllDim)
	}
	return m(1)
}

// validate returns an error that names the field unless the numbers give usable frequencies.
func (r Rope) validate() error {
	if !(r.Theta > 1) || math.IsInf(r.Theta, 0) {
		return fmt.Errorf("rope_theta is %g; it must be above 1", r.Theta)
	}
	switch r.Type {
	case "", "default":
		return nil
	case "linear":
		if !(r.Factor >= 1) || math.IsInf(r.Factor, 0) {
			return fmt.Errorf("rope_scaling linear has factor %g; it must be at least 1", r.Factor)
		}
		return nil
	case "llama3":
		if !(r.HighFreq > r.LowFreq && r.LowFreq > 0) {
			return fmt.Errorf("rope_scaling llama3 has low_freq_factor %g and high_freq_factor %g; "+
				"they must be positive and ascending", r.LowFreq, r.HighFreq)
		}
	case "yarn":
		if err := r.validateYaRN(); err != nil {
			return err
		}
	default:
		last := len(RopeTypes) - 1
		return fmt.Errorf("rope_scaling type %q is not supported; %s and %s are",
			r.Type, strings.Join(RopeTypes[:last], ", "), RopeTypes[last])
	}
	if !(r.Factor >= 1) || math.IsInf(r.Factor, 0) || r.Original < 1 {
		return fmt.Errorf("rope_scaling %s has factor %g and original_max_position_embeddings %d; "+
			"both must be at least 1", r.Type, r.Factor, r.Original)
	}
	return nil
}

func (r Rope) validateYaRN() error {
	if !(r.BetaFast >= r.BetaSlow && r.BetaSlow >= 1e-6 && r.BetaFast <= 1e6) {
		return fmt.Errorf("rope_scaling yarn has beta_fast %g and beta_slow %g; "+
			"they must lie between 1e-6 and 1e6, beta_fast above", r.BetaFast, r.BetaSlow)
	}
	names := []string{"attention_factor", "mscale", "mscale_all_dim"}
	for i, v := range []float64{r.AttentionFactor, r.MScale, r.MScaleAllDim} {
		if !(v >= 0 && v < 1e4) {
			return fmt.Errorf("rope_scaling yarn has %s %g; it must lie between 0 and 10000", names[i], v)
		}
	}
	return nil
}

// Stretch makes the context of w, which is not being used yet, factor times as long, as
// Config.Stretched does.
func (w *Weights) Stretch(factor float64) error {
	c, err := w.Config.Stretched(factor)
	if err != nil {
		return err
	}
	w.Config = c
	w.Rotary, err = c.Rope.Rotary(c.HeadDim)
	return err
}

// Stretched returns c with its context made factor times as long by YaRN. A model whose positions
// are scaled already is refused, and so is a factor that is not above 1.
func (c Config) Stretched(factor float64) (Config, error) {
	if !(factor > 1 && factor*float64(c.Context) <= MaxContext) {
		return c, fmt.Errorf("YaRN's factor %g must lie above 1, and times the context of %d below %d",
			factor, c.Context, MaxContext)
	}
	if r := c.Rope.Type; r != "" && r != "default" {
		return c, fmt.Errorf("the model's positions are scaled already (rope_scaling %s)", r)
	}
	c.Rope = Rope{Theta: c.Rope.Theta, Type: "yarn", Factor: factor, Original: c.Context, BetaFast: 32, BetaSlow: 1}
	c.Context = int(factor * float64(c.Context))
	return c, nil
}
