package gguf

import (
	"fmt"
	"math"
	"slices"

	"spell/model"
	"spell/tensor/gguf"
)

// A reader reads the metadata of one architecture. It keeps the first error.
type reader struct {
	*gguf.File
	architecture string
	err          error
}

// key returns the full name of a value of the architecture.
func (r *reader) key(name string) string { return r.architecture + "." + name }

// has reports whether there is such a value of the architecture.
func (r *reader) has(name string) bool {
	_, ok := r.Value(r.key(name))
	return ok
}

// whole returns a whole number, which must be there.
func (r *reader) whole(name string) int {
	n, err := r.Whole(r.key(name))
	if r.err == nil {
		r.err = err
	}
	return n
}

// wholeOr returns a whole number, or otherwise.
func (r *reader) wholeOr(name string, otherwise int) int {
	if !r.has(name) {
		return otherwise
	}
	return r.whole(name)
}

// float returns a number, or otherwise.
func (r *reader) float(name string, otherwise float64) float64 {
	if !r.has(name) {
		return otherwise
	}
	v, err := r.Float(r.key(name))
	if r.err == nil {
		r.err = err
	}
	return v
}

// What Hugging Face and llama.cpp call Qwen3 with mixtures of experts.
const (
	mixtureFamily       = "qwen3_moe"
	mixtureArchitecture = "qwen3moe"
)

// config returns the decoder that the metadata describes.
func config(f *gguf.File) (model.Config, error) {
	architecture, err := f.Text("general.architecture")
	if err != nil {
		return model.Config{}, err
	}
	name := architecture
	if name == mixtureArchitecture {
		name = mixtureFamily
	}
	family, err := model.FamilyNamed(name)
	if err != nil {
		return model.Config{}, fmt.Errorf("reading %s: general.architecture: %w", f.Path(), err)
	}
	r := &reader{File: f, architecture: architecture}
	c := model.Config{
		Context: r.whole("context_length"), Layers: r.whole("block_count"), Hidden: r.whole("embedding_length"),
		FF: r.whole("feed_forward_length"), Heads: r.whole("attention.head_count"), BOS: -1,
	}
	family.Apply(&c)
	if name == mixtureFamily {
		c.Mixture = model.Mixture{Experts: r.whole("expert_count"), TopK: r.whole("expert_used_count"),
			ExpertFF: r.whole("expert_feed_forward_length"), NormTopK: true, SparseStep: 1,
			AuxLoss: family.Defaults.AuxLoss}
	}
	c.KVHeads = r.wholeOr("attention.head_count_kv", c.Heads)
	c.NormEps = decimal(r.float("attention.layer_norm_rms_epsilon", 0))
	if r.err == nil && c.Heads > 0 {
		c.HeadDim = r.wholeOr("attention.key_length", c.Hidden/c.Heads)
	}
	c.Rope = r.rope(&c)
	r.tokens(&c)
	if embedding, ok := f.Tensor("token_embd.weight"); ok && len(embedding.Shape) == 2 {
		c.Vocab = embedding.Shape[0]
	}
	_, head := f.Tensor("output.weight")
	c.Tied = !head
	if r.err == nil {
		r.refuse(&c)
	}
	if r.err == nil {
		if err := c.Validate(); err != nil {
			r.err = fmt.Errorf("reading %s: %w", f.Path(), err)
		}
	}
	return c, r.err
}

// refuse sets the error if the metadata asks for what this decoder does not compute.
func (r *reader) refuse(c *model.Config) {
	for _, v := range []struct {
		name string
		is   int
	}{
		{"attention.value_length", c.HeadDim}, {"rope.dimension_count", c.HeadDim}, {"attention.sliding_window", 0},
		{"expert_count", c.Experts}, {"expert_used_count", c.TopK},
	} {
		if n := r.wholeOr(v.name, v.is); r.err == nil && n != v.is {
			r.err = fmt.Errorf("reading %s: %s is %d, which is not supported; %d is", r.Path(), r.key(v.name), n, v.is)
			return
		}
	}
}

// decimal returns the number of six digits that a float32 was written from, such as 1e-05.
func decimal(v float64) float64 {
	var d float64
	fmt.Sscan(fmt.Sprintf("%.6g", v), &d)
	return d
}

// tokens sets the tokens that begin and end texts.
func (r *reader) tokens(c *model.Config) {
	id := func(name string) (int32, bool) {
		if _, ok := r.Value("tokenizer.ggml." + name); !ok {
			return 0, false
		}
		n, err := r.Whole("tokenizer.ggml." + name)
		if r.err == nil {
			r.err = err
		}
		return int32(n), err == nil && n >= 0 && n <= math.MaxInt32
	}
	if bos, ok := id("bos_token_id"); ok {
		c.BOS = bos
	}
	for _, name := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		if end, ok := id(name); ok {
			c.EOS = append(c.EOS, end)
		}
	}
}

// ropeFactors is the tensor by which frequencies are divided, where they are stretched as Llama 3.1's.
const ropeFactors = "rope_freqs.weight"

// rope returns the position embedding.
func (r *reader) rope(c *model.Config) model.Rope {
	rope := model.Rope{Theta: r.float("rope.freq_base", 10000), Type: "default"}
	kind := "none"
	if r.err == nil && r.has("rope.scaling.type") {
		kind, r.err = r.Text(r.key("rope.scaling.type"))
	}
	rope.Factor = r.float("rope.scaling.factor", 1)
	switch {
	case r.err != nil:
	case kind == "none" || rope.Factor == 1:
		rope.Factor = 0
	case kind == "yarn":
		rope.Type, rope.BetaFast, rope.BetaSlow = kind, 32, 1
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
	if t.Elements() != dim/2 || rope.Type != "default" {
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
