package model

// Llama is Llama 1, 2 and 3 and what is built like them: TinyLlama, SmolLM2, distillations of R1.
var Llama = register(Family{
	Name: "llama", Class: "LlamaForCausalLM", AttentionBias: true, MLPBias: true,
	Defaults: Config{
		Vocab: 32000, Hidden: 4096, FF: 11008, Layers: 32, Heads: 32, NormEps: 1e-6, Context: 2048,
		Rope: Rope{Theta: 1e4}, BOS: 1, EOS: []int32{2},
	},
})
