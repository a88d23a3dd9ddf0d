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
