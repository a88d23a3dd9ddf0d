package model

// Qwen2 is Qwen2 and Qwen2.5.
var Qwen2 = register(Family{
	Name: "qwen2", Class: "Qwen2ForCausalLM", QKVBias: true, Windows: SomeLayers,
	Defaults: Config{
		Vocab: 151936, Hidden: 4096, FF: 22016, Layers: 32, Heads: 32, KVHeads: 32, NormEps: 1e-6,
		Context: 1 << 15, Rope: Rope{Theta: 1e4}, BOS: -1, Window: 4096,
	},
})
