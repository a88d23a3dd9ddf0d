// Package model is the decoder: its configuration, its weights, and its forward and backward pass
// over forests, written out by hand on the operations of a kernels.Backend.
//
// One block function serves training, scoring, prefill and decode; they differ only in the place of
// the keys and values. Blocks save their input and compute the rest again for their gradients, or
// keep it if asked to.
//
// # Files
//
// A part of the decoder is a file, with its activations, its forward, and its backward below:
// embedding.go, attention.go, mlp.go and moe.go, norm.go, head.go. block.go joins them to a block,
// pass.go takes a batch through all blocks, step.go a forest; cache.go is what generation has instead
// of step.go. Products of blocks go through product.go, where adapters add their part: adapter.go, and
// merge.go folds them in. params.go lists the parameters, weights.go maps them, family.go says how
// families differ.
//
// # Comments on matrices
//
// Act [n, hidden] is a matrix of n rows and hidden columns in the type Precision.Act; Acc and
// Weight likewise. n counts the rows of a batch, m those that are live: see package forest for
// these words. heads*dim is Config.QDim, kv dim Config.KVDim, ff Config.FF. The gradient of x is
// dx; what ends in Op is rounded to be the operand of a product.
package model

import (
	"fmt"
	"math"

	"spell/tensor"
)

// A Config describes a decoder of the Llama family: RMSNorm before each half of a block, rotary
// positions, grouped-query attention, SwiGLU. Mistral adds windows, Qwen2 a bias to q, k and v,
// Qwen3 a norm on each head of q and k, Qwen3-MoE mixtures of experts.
type Config struct {
	Family    string // model_type of Hugging Face, as FamilyNamed knows it
	Vocab     int    // rows of the embedding
	Hidden    int    // width of the residual stream
	FF        int    // width of the MLP
	Layers    int
	Heads     int // query heads
	KVHeads   int // key-value heads, a divisor of Heads
	HeadDim   int // need not be Hidden/Heads
	QKVBias   bool
	OBias     bool // attention's last product has a bias
	MLPBias   bool // gate, up and down have biases
	QKNorm    bool
	Tied      bool // the head is the embedding
	NormEps   float64
	Context   int // longest sequence, positions
	Rope      Rope
	BOS       int32 // -1: none
	EOS       []int32
	InitRange float64 // standard deviation of fresh weights, kept for config.json

	// Window is how many keys a token sees in a layer with a window, its own included; 0 if no
	// layer has one. The others are masked, not forgotten: caches keep every key, since answers
	// that share a prompt see different parts of it.
	Window       int
	WindowLayers []bool // per layer whether it has the window; nil: all have it

	Mixture
}

// WindowLayer reports whether layer l has a window that can hide a key. One as long as the context
// cannot.
func (c *Config) WindowLayer(l int) bool {
	return c.Window > 0 && c.Window < c.Context && (c.WindowLayers == nil || c.WindowLayers[l])
}

// QDim returns the width of the concatenated query heads.
func (c *Config) QDim() int { return c.Heads * c.HeadDim }

// KVDim returns the width of the concatenated key-value heads.
func (c *Config) KVDim() int { return c.KVHeads * c.HeadDim }

// Params counts the numbers in all parameters.
func (c *Config) Params() int {
	n := 0
	for _, p := range Shapes(c) {
		n += p.Rows * p.Cols
	}
	return n
}

// The largest sizes a configuration may name; beyond them the file is hostile or broken.
const (
	maxWidth   = 1 << 17
	maxVocab   = 1 << 22
	MaxLayers  = 1 << 10
	MaxContext = 1 << 27

	MaxHeadDim = 256 // what the attention kernels are made for
)

// Validate returns an error that names the field if no decoder can have the configuration.
func (c *Config) Validate() error {
	for _, f := range []struct {
		name   string
		v, max int
	}{
		{"vocab_size", c.Vocab, maxVocab}, {"hidden_size", c.Hidden, maxWidth}, {"intermediate_size", c.FF, maxWidth},
		{"num_hidden_layers", c.Layers, MaxLayers}, {"num_attention_heads", c.Heads, maxWidth},
		{"num_key_value_heads", c.KVHeads, maxWidth}, {"head_dim", c.HeadDim, MaxHeadDim},
		{"max_position_embeddings", c.Context, MaxContext},
	} {
		if f.v < 1 || f.v > f.max {
			return fmt.Errorf("%s is %d; it must lie between 1 and %d", f.name, f.v, f.max)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is no multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head_dim is %d; it must be even, since positions rotate pairs", c.HeadDim)
	}
	if c.Window < 0 || c.Window > math.MaxInt32 {
		return fmt.Errorf("sliding_window is %d; it must lie between 1 and %d", c.Window, math.MaxInt32)
	}
	if n := len(c.WindowLayers); c.WindowLayers != nil && n != c.Layers {
		return fmt.Errorf("layer_types has %d entries for num_hidden_layers %d", n, c.Layers)
	}
	if err := c.Mixture.validate(); err != nil {
		return err
	}
	if !(c.NormEps >= 1e-30 && c.NormEps < 1) {
		return fmt.Errorf("rms_norm_eps is %g; it must lie between 1e-30 and 1", c.NormEps)
	}
	if c.BOS >= int32(c.Vocab) {
		return fmt.Errorf("bos_token_id %d lies outside the vocabulary of %d", c.BOS, c.Vocab)
	}
	for _, id := range c.EOS {
		if id < 0 || int(id) >= c.Vocab {
			return fmt.Errorf("eos_token_id %d lies outside the vocabulary of %d", id, c.Vocab)
		}
	}
	_, err := c.Rope.Rotary(c.HeadDim)
	return err
}

// A Precision fixes the rounding points: Weight is the type of the parameters that products read,
// Act of every operand of a product, of K and V and of block inputs, Acc of everything between. If
// Weight is I8, norms, biases and routers are Acc all the same. Moments are the optimizer's, of weights that
// are trained.
type Precision struct {
	Name             string
	Weight, Act, Acc tensor.DType
	Moments          Moments
	Offload          bool // what the optimizer keeps lies in the host's memory, if a device computes
}

// The precisions. Int8 is for weights that are not trained, F64 the oracle's.
var (
	F32  = Precision{Name: "f32", Weight: tensor.F32, Act: tensor.F32, Acc: tensor.F32}
	BF16 = Precision{Name: "bf16", Weight: tensor.BF16, Act: tensor.BF16, Acc: tensor.F32}
	Int8 = Precision{Name: "int8", Weight: tensor.I8, Act: tensor.F32, Acc: tensor.F32}
	F64  = Precision{Name: "f64", Weight: tensor.F64, Act: tensor.F64, Acc: tensor.F64}
)

// weight returns the type of parameters of a kind.
func (p Precision) weight(k Kind) tensor.DType {
	if p.Weight == tensor.I8 && (k == Norm || k == Bias || k == Router) {
		return p.Acc
	}
	return p.Weight
}

// ParsePrecision reads "f32", "bf16" or "int8".
func ParsePrecision(s string) (Precision, error) {
	switch s {
	case "f32":
		return F32, nil
	case "bf16":
		return BF16, nil
	case "int8":
		return Int8, nil
	}
	return Precision{}, fmt.Errorf("precision %q is unknown; use f32, bf16 or int8", s)
}
