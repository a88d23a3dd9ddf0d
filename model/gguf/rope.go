package gguf

import (
	"fmt"
	"math"
	"slices"

	"spell/model"
)

// ropeFactors is the tensor by which frequencies are divided, where they are stretched as Llama 3.1's.
const ropeFactors = "rope_freqs.weight"

// rope returns the position embedding.
func (r *reader) rope(c *model.Config) model.Rope {
	rope := model.Rope{Theta: r.float("rope.freq_base", 10000), Type: "default"}
	kind := "linear" // unless it is said, as in the first files
	if r.err == nil && r.has("rope.scaling.type") {
		kind, r.err = r.Text(r.key("rope.scaling.type"))
	}
	rope.Factor = r.float("rope.scaling.factor", r.float("rope.scale_linear", 1))
	switch {
	case r.err != nil:
	case kind == "none" || rope.Factor == 1 || rope.Factor == 0:
		rope.Factor = 0
	case kind == "yarn":
		rope.Type = kind
		rope.BetaFast = r.float("rope.scaling.yarn_beta_fast", 32)
		rope.BetaSlow = r.float("rope.scaling.yarn_beta_slow", 1)
		rope.Original = r.wholeOr("rope.scaling.original_context_length", c.Context)
	case kind == "linear":
		rope.Type, rope.Original = kind, c.Context
	default:
		r.err = fmt.Errorf("reading %s: %s is %q, which is not supported; none, linear and yarn are", r.Path(),
			r.key("rope.scaling.type"), kind)
	}
	if _, ok := r.Tensor(ropeFactors); ok && r.err == nil {
		rope, r.err = r.llama3(rope, c.HeadDim)
	}
	return rope
}

// llama3 returns the stretched embedding whose divisors the file has in place of its numbers: the
// factor is the largest divisor, the bounds of the blended band are 1 and 4 turns, as in all published
// models, and the original context is the power of two that gives these divisors.
func (r *reader) llama3(rope model.Rope, dim int) (model.Rope, error) {
	t, _ := r.Tensor(ropeFactors)
	if dim < 2 || dim > model.MaxHeadDim || t.Elements() != dim/2 || rope.Type != "default" {
		return rope, fmt.Errorf("reading %s: %s has shape %v and the scaling is %q; half a head and no other scaling "+
			"are supported", r.Path(), ropeFactors, t.Shape, rope.Type)
	}
	raw, typ, err := r.Append(nil, ropeFactors, 0, dim/2)
	if err != nil {
		return rope, err
	}
	divisors := decoded(raw, typ)
	rope.Type, rope.LowFreq, rope.HighFreq, rope.Factor = "llama3", 1, 4, float64(slices.Max(divisors))
	for rope.Original = 1 << 30; rope.Original > 1; rope.Original /= 2 {
		want, err := ropeDivisors(rope, dim)
		if err != nil {
			return rope, fmt.Errorf("reading %s: %s: %w", r.Path(), ropeFactors, err)
		}
		near := func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-4*float64(b) }
		if slices.EqualFunc(divisors, want, near) {
			return rope, nil
		}
	}
	return rope, fmt.Errorf("reading %s: the divisors in %s are not those of Llama 3.1's scaling, and no others are "+
		"supported", r.Path(), ropeFactors)
}

// ropeDivisors returns what the frequencies of a stretched embedding were divided by.
func ropeDivisors(rope model.Rope, dim int) ([]float32, error) {
	stretched, err := rope.Rotary(dim)
	if err != nil {
		return nil, err
	}
	plain, err := model.Rope{Theta: rope.Theta}.Rotary(dim)
	if err != nil {
		return nil, err
	}
	v := make([]float32, len(plain.InvFreq))
	for j := range v {
		v[j] = float32(plain.InvFreq[j] / stretched.InvFreq[j])
	}
	return v, nil
}
