// Package shapes holds the decoders that whole-engine benchmarks run, as shapes: their weights are
// random, which costs the same time.
package shapes

import (
	"spell/kernels"
	"spell/model"
)

// Qwen05B is the shape of Qwen2.5-0.5B, 494 million parameters.
var Qwen05B = model.Config{
	Family: "qwen2", Vocab: 151936, Hidden: 896, FF: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64,
	QKVBias: true, Tied: true, NormEps: 1e-6, Context: 1 << 17,
	Rope: model.Rope{Theta: 1e6, Type: "default"}, BOS: -1, EOS: []int32{151643},
}

// Qwen15B is the shape of Qwen2.5-1.5B, 1.54 billion parameters.
var Qwen15B = model.Config{
	Family: "qwen2", Vocab: 151936, Hidden: 1536, FF: 8960, Layers: 28, Heads: 12, KVHeads: 2, HeadDim: 128,
	QKVBias: true, Tied: true, NormEps: 1e-6, Context: 1 << 17,
	Rope: model.Rope{Theta: 1e6, Type: "default"}, BOS: -1, EOS: []int32{151643},
}

// Qwen7B is the shape of Qwen2.5-7B, 7.6 billion parameters.
var Qwen7B = model.Config{
	Family: "qwen2", Vocab: 152064, Hidden: 3584, FF: 18944, Layers: 28, Heads: 28, KVHeads: 4, HeadDim: 128,
	QKVBias: true, NormEps: 1e-6, Context: 1 << 17,
	Rope: model.Rope{Theta: 1e6, Type: "default"}, BOS: -1, EOS: []int32{151643},
}

// Qwen4B is the shape of Qwen3-4B, 4.0 billion parameters.
var Qwen4B = model.Config{
	Family: "qwen3", Vocab: 151936, Hidden: 2560, FF: 9728, Layers: 36, Heads: 32, KVHeads: 8, HeadDim: 128,
	QKNorm: true, Tied: true, NormEps: 1e-6, Context: 40960,
	Rope: model.Rope{Theta: 1e6, Type: "default"}, BOS: -1, EOS: []int32{151645},
}

// Llama8B is the shape of Llama-3.1-8B, 8.0 billion parameters.
var Llama8B = model.Config{
	Family: "llama", Vocab: 128256, Hidden: 4096, FF: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128,
	NormEps: 1e-5, Context: 1 << 17, BOS: 128000, EOS: []int32{128001},
	Rope: model.Rope{Theta: 5e5, Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, Original: 8192},
}

// Qwen30BA3B is the shape of Qwen3-30B-A3B, 30.5 billion parameters in mixtures of 128 experts.
var Qwen30BA3B = model.Config{
	Family: "qwen3_moe", Vocab: 151936, Hidden: 2048, FF: 6144, Layers: 48, Heads: 32, KVHeads: 4, HeadDim: 128,
	QKNorm: true, NormEps: 1e-6, Context: 40960,
	Rope: model.Rope{Theta: 1e6, Type: "default"}, BOS: -1, EOS: []int32{151645},
	Mixture: model.Mixture{Experts: 128, TopK: 8, ExpertFF: 768, NormTopK: true, SparseStep: 1, AuxLoss: 0.001},
}

// Smol135M is the shape of SmolLM-135M.
var Smol135M = model.Config{
	Family: "llama", Vocab: 49152, Hidden: 576, FF: 1536, Layers: 30, Heads: 9, KVHeads: 3, HeadDim: 64,
	Tied: true, NormEps: 1e-5, Context: 1 << 17,
	Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{0},
}

// Llama124M has the size of GPT-2 with the parts of Llama.
var Llama124M = model.Config{
	Family: "llama", Vocab: 50257, Hidden: 768, FF: 2048, Layers: 12, Heads: 12, KVHeads: 12, HeadDim: 64,
	Tied: true, NormEps: 1e-6, Context: 1 << 17,
	Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{50256},
}

// Llama8M is a small one, 7.9 million parameters.
var Llama8M = model.Config{
	Family: "llama", Vocab: 4096, Hidden: 256, FF: 768, Layers: 8, Heads: 4, KVHeads: 4, HeadDim: 64,
	Tied: true, NormEps: 1e-6, Context: 1 << 17,
	Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{0},
}

// Random maps weights of a shape for a purpose and fills them at the scale of a fresh model.
func Random(b kernels.Backend, c model.Config, p model.Precision, purpose model.Purpose) (*model.Weights, error) {
	w, err := model.NewWeights(b, c, p, purpose)
	if err != nil {
		return nil, err
	}
	w.Initialize(b, 1, model.Init{Embedding: 0.1, Matrix: 1, Residual: 0.1})
	return w, nil
}
