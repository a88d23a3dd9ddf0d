package gguf

import (
	"fmt"

	"spell/model"
	"spell/tensor/gguf"
)

// What Hugging Face and llama.cpp call Qwen3 with mixtures of experts.
const (
	mixtureFamily       = "qwen3_moe"
	mixtureArchitecture = "qwen3moe"
)

// config returns the decoder that the metadata describes.
func config(f *gguf.File) (model.Config, error) {
	if err := isModel(f); err != nil {
		return model.Config{}, err
	}
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
	if embedding, ok := f.Tensor("token_embd.weight"); ok && len(embedding.Shape) == 2 {
		c.Vocab = embedding.Shape[0]
	}
	r.tokens(&c)
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

// isModel refuses what files of the format hold beside models: adapters, the eyes of a model, statistics.
func isModel(f *gguf.File) error {
	const key = "general.type"
	if _, ok := f.Value(key); !ok {
		return nil
	}
	kind, err := f.Text(key)
	switch {
	case err != nil || kind == "model":
		return err
	case kind == "adapter":
		return fmt.Errorf("reading %s: it holds adapters of a model (%s); name the model's file, and the adapters as "+
			"PEFT keeps them, --adapter DIR", f.Path(), key)
	}
	return fmt.Errorf("reading %s: it holds no model but one's %.40q (%s); name the model's file", f.Path(), kind, key)
}

// neutral are the values by which numbers of the metadata change nothing, where these decoders know nothing
// of them.
var neutral = []struct {
	name string
	is   float64
}{
	{"rope.scaling.attn_factor", 1}, {"rope.scaling.yarn_attn_factor", 1}, {"rope.scaling.yarn_ext_factor", 1},
	{"rope.scaling.yarn_log_multiplier", 0}, {"attn_logit_softcapping", 0}, {"final_logit_softcapping", 0},
	{"logit_scale", 1}, {"residual_scale", 1}, {"embedding_scale", 1}, {"attention.scale", 0},
	{"attention.clamp_kqv", 0},
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
	for _, v := range neutral {
		if x := r.float(v.name, v.is); r.err == nil && x != v.is {
			r.err = fmt.Errorf("reading %s: %s is %g, which is not supported; %g is", r.Path(), r.key(v.name), x, v.is)
			return
		}
	}
	const causal = "attention.causal"
	if r.err == nil && r.has(causal) {
		var yes bool
		if yes, r.err = r.Bool(r.key(causal)); r.err == nil && !yes {
			r.err = fmt.Errorf("reading %s: %s is false, which is not supported: the model sees what follows, and "+
				"predicts no tokens", r.Path(), r.key(causal))
		}
	}
}

// decimal returns the number of six digits that a float32 was written from, such as 1e-05.
func decimal(v float64) float64 {
	var d float64
	fmt.Sscan(fmt.Sprintf("%.6g", v), &d)
	return d
}

// tokens sets the tokens that begin and end texts. Those that the vocabulary has not are none.
func (r *reader) tokens(c *model.Config) {
	id := func(name string) (int32, bool) {
		if _, ok := r.Value("tokenizer.ggml." + name); !ok {
			return 0, false
		}
		n, err := r.Whole("tokenizer.ggml." + name)
		if r.err == nil {
			r.err = err
		}
		return int32(n), err == nil && n >= 0 && n < c.Vocab
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
