package model

// Qwen3 is the dense models of Qwen3.
var Qwen3 = register(Family{
	Name: "qwen3", Class: "Qwen3ForCausalLM", QKNorm: true, AttentionBias: true, Windows: SomeLayers,
	Defaults: Config{
		Vocab: 151936, Hidden: 4096, FF: 22016, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, NormEps: 1e-6,
		Context: 1 << 15, Rope: Rope{Theta: 1e4}, BOS: -1, Window: 4096,
	},
})
