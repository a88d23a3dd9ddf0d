package model

// Qwen3MoE is Qwen3 with mixtures of experts: Qwen3-30B-A3B and its kin.
var Qwen3MoE = register(Family{
	Name: "qwen3_moe", Class: "Qwen3MoeForCausalLM", QKNorm: true, AttentionBias: true,
	Defaults: Config{
		Vocab: 151936, Hidden: 2048, FF: 6144, Layers: 24, Heads: 32, KVHeads: 4, NormEps: 1e-6,
		Context: 1 << 15, Rope: Rope{Theta: 1e4}, BOS: -1,
		Mixture: Mixture{Experts: 128, TopK: 8, ExpertFF: 768, SparseStep: 1, AuxLoss: 0.001},
	},
})
