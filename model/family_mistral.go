package model

// Mistral is Mistral 7B and its successors: Llama whose layers all have a window, if any has.
var Mistral = register(Family{
	Name: "mistral", Class: "MistralForCausalLM", Windows: EveryLayer,
	Defaults: Config{
		Vocab: 32000, Hidden: 4096, FF: 14336, Layers: 32, Heads: 32, KVHeads: 8, NormEps: 1e-6,
		Context: 1 << 17, Rope: Rope{Theta: 1e4}, BOS: 1, EOS: []int32{2}, Window: 4096,
	},
})
